#include "src/server/control_answers.h"

#include <jansson.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <mutex>
#include <set>
#include <string_view>
#include <utility>

#include "src/base/log.h"
#include "src/tls/own.h"

namespace signet::server {
namespace {

using Json = std::unique_ptr<json_t, decltype(&json_decref)>;

Json NewObject() { return {json_object(), &json_decref}; }

void Put(json_t* object, const char* name, std::string_view text) {
  json_t* value = json_stringn(text.data(), text.size());
  json_object_set_new(object, name, value != nullptr ? value : json_string("(not UTF-8)"));
}
void Put(json_t* object, const char* name, std::int64_t number) {
  json_object_set_new(object, name, json_integer(number));
}
void PutCount(json_t* object, const char* name, std::size_t number) {
  Put(object, name, static_cast<std::int64_t>(number));
}

std::string Dumped(const Json& json) {
  char* text = json_dumps(json.get(), JSON_COMPACT | JSON_PRESERVE_ORDER);
  SIGNET_CHECK(text != nullptr);
  std::string out = text;
  std::free(text);
  return out;
}

// --- decisions ---------------------------------------------------------------------------

std::string Summaries(const std::vector<report::DecisionPtr>& decisions) {
  const Json root = NewObject();
  json_t* rows = json_array();
  for (const report::DecisionPtr& decision : decisions) {
    json_t* row = json_object();
    Put(row, "reference", decision->reference);
    Put(row, "time", decision->time);
    Put(row, "client", decision->client.ip);
    Put(row, "verdict", NameOf(decision->verdict));
    Put(row, "headline", decision->headline);
    Put(row, "reason", decision->reason);
    json_array_append_new(rows, row);
  }
  json_object_set_new(root.get(), "decisions", rows);
  return Dumped(root);
}

// The newest, oldest first. Put together as text, which is what they become anyway.
std::string Whole(const std::vector<report::DecisionPtr>& all, std::size_t most) {
  std::string answer = "{\"decisions\":[";
  const std::size_t from = all.size() - std::min(all.size(), most);
  for (std::size_t i = from; i < all.size(); ++i) {
    if (i > from) answer += ',';
    answer += ToJson(*all[i], report::JsonForm::kLine);
  }
  return answer + "]}";
}

std::string NotFound(const report::DecisionStore& store, std::size_t kept_most) {
  const Json root = NewObject();
  Put(root.get(), "error", "not found");
  PutCount(root.get(), "kept", store.counts().refused);
  PutCount(root.get(), "kept_most", kept_most);
  Put(root.get(), "days",
      std::chrono::duration_cast<std::chrono::hours>(limits::kDecisionMaxAge).count() / 24);
  return Dumped(root);
}

// --- status ------------------------------------------------------------------------------

json_t* OutcomeOf(const LoadOutcome& outcome) {
  json_t* object = json_object();
  json_object_set_new(object, "good", json_boolean(outcome.good));
  Put(object, "time", outcome.time);
  json_t* lines = json_array();
  for (const std::string& line : outcome.lines) {
    const std::string shown = Printable(line);
    json_array_append_new(lines, json_stringn(shown.data(), shown.size()));
  }
  json_object_set_new(object, "lines", lines);
  return object;
}

json_t* SessionsOf(const Workers& workers) {
  json_t* object = json_object();
  PutCount(object, "now", workers.sessions());
  Put(object, "in_all", static_cast<std::int64_t>(workers.sessions_seen()));
  return object;
}

json_t* WorkersOf(const Workers& workers) {
  json_t* rows = json_array();
  for (const Workers::Load& load : workers.loads()) {
    json_t* row = json_object();
    PutCount(row, "sessions", load.sessions);
    Put(row, "lag_us", load.lag.count());
    json_array_append_new(rows, row);
  }
  return rows;
}

// Those that the server shows, each once.
json_t* CertificatesOf(const smtp::Site& site) {
  std::vector<tls::ServerPolicyPtr> policies;
  {
    const std::lock_guard lock(site.policies_mutex);
    for (const auto& [sources, policy] : site.policies) policies.push_back(policy->InUse());
  }
  json_t* rows = json_array();
  std::set<std::string_view> seen;
  for (const tls::ServerPolicyPtr& policy : policies)
    for (const tls::OwnCertificate& own : tls::OwnCertificates(*policy)) {
      if (!seen.insert(own.leaf->der()).second) continue;
      json_t* row = json_object();
      Put(row, "subject", Printable(own.leaf->subject_text()));
      Put(row, "file", Printable(own.file));
      Put(row, "not_after", own.leaf->not_after());
      json_array_append_new(rows, row);
    }
  return rows;
}

json_t* LookupsOf(const std::vector<report::LookupHealth::State>& states) {
  json_t* rows = json_array();
  for (const report::LookupHealth::State& state : states) {
    json_t* row = json_object();
    Put(row, "type", state.type);
    Put(row, "answered", state.answered);
    Put(row, "answers", static_cast<std::int64_t>(state.answers));
    Put(row, "failed", state.failed);
    Put(row, "failures", static_cast<std::int64_t>(state.failures));
    if (!state.why.empty()) Put(row, "why", state.why);
    json_array_append_new(rows, row);
  }
  return rows;
}

json_t* DecisionsOf(const StatusFacts& facts, const report::DecisionStore& store) {
  const report::DecisionStore::Counts counts = store.counts();
  json_t* object = json_object();
  PutCount(object, "refused", counts.refused);
  PutCount(object, "accepted", counts.accepted);
  if (facts.site != nullptr) Put(object, "kept_most", facts.site->config->main.decisions_kept);
  PutCount(object, "bytes", counts.bytes);
  if (!facts.decisions_file.empty()) Put(object, "file", facts.decisions_file);
  return object;
}

}  // namespace

std::string AnswerAboutDecisions(const report::DecisionStore& store, std::size_t kept_most,
                                 const ControlRequest& request) {
  if (request.what == ControlRequest::What::kRecent) return Summaries(store.Recent(request.number));
  if (request.what == ControlRequest::What::kDecisions) return Whole(store.All(), request.number);
  const report::DecisionPtr decision = store.Find(request.reference);
  if (decision == nullptr) return NotFound(store, kept_most);
  return "{\"decision\":" + ToJson(*decision, report::JsonForm::kLine) + '}';
}

std::string AnswerReload(const LoadOutcome& outcome) {
  return Dumped({OutcomeOf(outcome), &json_decref});
}

std::string AnswerStatus(const StatusFacts& facts, const report::DecisionStore& store) {
  const Json root = NewObject();
  json_t* object = root.get();
  Put(object, "version", facts.version);
  Put(object, "pid", facts.main_pid != 0 ? facts.main_pid : ::getpid());
  Put(object, "serving_pid", ::getpid());
  Put(object, "restarts", static_cast<std::int64_t>(facts.restarts));
  Put(object, "started", facts.started);
  Put(object, "now", std::time(nullptr));
  if (facts.site != nullptr) {
    Put(object, "configuration", Printable(facts.site->config->file));
    Put(object, "generation", static_cast<std::int64_t>(facts.site->generation));
    Put(object, "loaded", facts.loaded);
  }
  if (facts.last_reload.time != 0)
    json_object_set_new(object, "last_reload", OutcomeOf(facts.last_reload));
  if (facts.workers != nullptr) {
    json_object_set_new(object, "sessions", SessionsOf(*facts.workers));
    json_object_set_new(object, "workers", WorkersOf(*facts.workers));
  }
  if (facts.site != nullptr)
    json_object_set_new(object, "certificates", CertificatesOf(*facts.site));
  json_object_set_new(object, "lookups", LookupsOf(facts.lookups));
  json_object_set_new(object, "decisions", DecisionsOf(facts, store));
  return Dumped(root);
}

}  // namespace signet::server
