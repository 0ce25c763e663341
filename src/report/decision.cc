#include "src/report/decision.h"

#include <jansson.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <utility>

#include "src/base/codec.h"
#include "src/base/log.h"
#include "src/base/text.h"

namespace signet::report {
namespace {

using facts::TraceStep;

using Json = std::unique_ptr<json_t, decltype(&json_decref)>;

constexpr std::array<std::string_view, 3> kVerdicts = {"accepted", "refused", "deferred"};

json_t* Text(std::string_view text) {
  json_t* json = json_stringn(text.data(), text.size());
  return json != nullptr ? json : json_string("(not UTF-8)");
}

// Nothing where there is nothing to say.
void Put(json_t* object, const char* name, std::string_view text) {
  if (!text.empty()) json_object_set_new(object, name, Text(text));
}
void Put(json_t* object, const char* name, std::int64_t number) {
  json_object_set_new(object, name, json_integer(number));
}

json_t* ClientToJson(const Decision::Client& client) {
  json_t* object = json_object();
  Put(object, "ip", client.ip);
  if (client.port != 0) Put(object, "port", client.port);
  Put(object, "local_ip", client.local_ip);
  if (client.local_port != 0) Put(object, "local_port", client.local_port);
  if (client.tls_on_connect) json_object_set_new(object, "tls_on_connect", json_true());
  Put(object, "helo", client.helo);
  Put(object, "tls_version", client.tls_version);
  Put(object, "tls_cipher", client.tls_cipher);
  Put(object, "sni", client.sni);
  if (!client.chain.empty()) {
    json_t* chain = json_array();
    for (const std::string& der : client.chain)
      json_array_append_new(chain, Text(EncodeBase64(der)));
    json_object_set_new(object, "chain", chain);
  }
  Put(object, "mail_from", client.mail_from);
  if (!client.rcpt_to.empty()) {
    json_t* recipients = json_array();
    for (const std::string& recipient : client.rcpt_to)
      json_array_append_new(recipients, Text(recipient));
    json_object_set_new(object, "rcpt_to", recipients);
  }
  Put(object, "auth", client.auth);
  return object;
}

json_t* StepToJson(const TraceStep& step) {
  json_t* object = json_object();
  Put(object, "kind", NameOf(step.kind));
  Put(object, "depth", step.depth);
  Put(object, "what", step.what);
  if (step.outcome != TraceStep::Outcome::kNone) Put(object, "outcome", NameOf(step.outcome));
  if (step.hidden) json_object_set_new(object, "hidden", json_true());
  Put(object, "query", step.query);
  Put(object, "value", step.value);
  Put(object, "from", step.from);
  Put(object, "place", step.place);
  if (step.microseconds >= 0) Put(object, "microseconds", step.microseconds);
  return object;
}

// --- reading ----------------------------------------------------------------------------

// Somebody else may have written it: no octet of it steers a terminal. Only replies have lines.
std::string Harmless(std::string text, bool has_lines) {
  for (char& c : text)
    if (IsControl(c) && !(has_lines && c == '\n')) c = '?';
  return text;
}

std::string TextOf(const json_t* object, const char* name, bool has_lines = false) {
  const json_t* value = json_object_get(object, name);
  if (!json_is_string(value)) return "";
  return Harmless({json_string_value(value), json_string_length(value)}, has_lines);
}
std::int64_t NumberOf(const json_t* object, const char* name, std::int64_t otherwise = 0) {
  const json_t* value = json_object_get(object, name);
  return json_is_integer(value) ? json_integer_value(value) : otherwise;
}
bool IsTrue(const json_t* object, const char* name) {
  return json_is_true(json_object_get(object, name));
}

std::vector<std::string> TextsOf(const json_t* object, const char* name) {
  std::vector<std::string> texts;
  std::size_t index = 0;
  json_t* value = nullptr;
  json_array_foreach(json_object_get(object, name), index, value) {
    if (json_is_string(value))
      texts.push_back(Harmless({json_string_value(value), json_string_length(value)}, false));
  }
  return texts;
}

// The enumerator of a name; false where there is none.
template <typename E>
bool Named(std::string_view name, std::size_t count, E* out) {
  for (std::size_t i = 0; i < count; ++i) {
    *out = static_cast<E>(i);
    if (NameOf(*out) == name) return true;
  }
  return false;
}
constexpr std::size_t kKinds = static_cast<std::size_t>(TraceStep::Kind::kNote) + 1;
constexpr std::size_t kOutcomes = static_cast<std::size_t>(TraceStep::Outcome::kFailed) + 1;

Result<Decision::Client, std::string> ClientFromJson(const json_t* object) {
  Decision::Client client;
  client.ip = TextOf(object, "ip");
  client.port = static_cast<int>(NumberOf(object, "port"));
  client.local_ip = TextOf(object, "local_ip");
  client.local_port = static_cast<int>(NumberOf(object, "local_port"));
  client.tls_on_connect = IsTrue(object, "tls_on_connect");
  client.helo = TextOf(object, "helo");
  client.tls_version = TextOf(object, "tls_version");
  client.tls_cipher = TextOf(object, "tls_cipher");
  client.sni = TextOf(object, "sni");
  for (const std::string& text : TextsOf(object, "chain")) {
    std::optional<std::string> der = DecodeBase64(text);
    if (!der) return Err{std::string("a certificate that is not base64")};
    client.chain.push_back(*std::move(der));
  }
  client.mail_from = TextOf(object, "mail_from");
  client.rcpt_to = TextsOf(object, "rcpt_to");
  client.auth = TextOf(object, "auth");
  return client;
}

Result<TraceStep, std::string> StepFromJson(const json_t* object) {
  TraceStep step;
  const std::string kind = TextOf(object, "kind");
  if (!Named(kind, kKinds, &step.kind)) return Err{"a step of unknown kind \"" + kind + '"'};
  const std::string outcome = TextOf(object, "outcome");
  if (!outcome.empty() && !Named(outcome, kOutcomes, &step.outcome))
    return Err{"a step of unknown outcome \"" + outcome + '"'};
  step.depth = static_cast<std::uint16_t>(NumberOf(object, "depth"));
  step.hidden = IsTrue(object, "hidden");
  step.what = TextOf(object, "what");
  step.query = TextOf(object, "query");
  step.value = TextOf(object, "value", step.kind == TraceStep::Kind::kCommand);
  step.from = TextOf(object, "from");
  step.place = TextOf(object, "place");
  step.microseconds = NumberOf(object, "microseconds", -1);
  return step;
}

}  // namespace

std::string_view NameOf(Decision::Verdict verdict) {
  return kVerdicts[static_cast<std::size_t>(verdict)];
}

std::size_t Decision::bytes() const {
  std::size_t size = sizeof *this;
  for (const std::string* text :
       {&reference, &configuration, &headline, &reason, &where, &authentication, &authenticator,
        &identity, &client.helo, &client.tls_cipher, &client.sni, &client.mail_from, &client.auth})
    size += text->size();
  for (const std::string& der : client.chain) size += der.size();
  for (const std::string& recipient : client.rcpt_to) size += recipient.size() + sizeof recipient;
  for (const TraceStep& step : steps)
    size += sizeof step + step.what.size() + step.value.size() + step.query.size() +
            step.place.size() + step.from.size();
  return size;
}

std::string ToJson(const Decision& decision, JsonForm form) {
  const Json root(json_object(), &json_decref);
  json_t* object = root.get();
  Put(object, "verdict", NameOf(decision.verdict));
  Put(object, "headline", decision.headline);
  Put(object, "reason", decision.reason);
  Put(object, "where", decision.where);
  Put(object, "reference", decision.reference);
  Put(object, "time", decision.time);
  Put(object, "configuration", decision.configuration);
  Put(object, "generation", static_cast<std::int64_t>(decision.generation));
  Put(object, "authentication", decision.authentication);
  Put(object, "authenticator", decision.authenticator);
  Put(object, "identity", decision.identity);
  json_object_set_new(object, "client", ClientToJson(decision.client));
  json_t* steps = json_array();
  for (const TraceStep& step : decision.steps) json_array_append_new(steps, StepToJson(step));
  json_object_set_new(object, "steps", steps);
  if (decision.steps_dropped > 0)
    Put(object, "steps_dropped", static_cast<std::int64_t>(decision.steps_dropped));
  const std::size_t flags =
      JSON_PRESERVE_ORDER | (form == JsonForm::kIndented ? JSON_INDENT(2) : JSON_COMPACT);
  char* text = json_dumps(object, flags);
  SIGNET_CHECK(text != nullptr);
  std::string out = text;
  std::free(text);
  return out;
}

Result<Decision, std::string> DecisionFromJson(std::string_view json) {
  json_error_t error;
  const Json root(json_loadb(json.data(), json.size(), JSON_REJECT_DUPLICATES, &error),
                  &json_decref);
  if (root == nullptr) return Err{std::string(error.text)};
  const json_t* object = root.get();
  if (!json_is_object(object)) return Err{std::string("not an object")};
  Decision decision;
  const std::string verdict = TextOf(object, "verdict");
  if (!Named(verdict, kVerdicts.size(), &decision.verdict))
    return Err{"an unknown verdict \"" + verdict + '"'};
  decision.headline = TextOf(object, "headline");
  decision.reason = TextOf(object, "reason");
  decision.where = TextOf(object, "where");
  decision.reference = TextOf(object, "reference");
  decision.time = NumberOf(object, "time");
  decision.configuration = TextOf(object, "configuration");
  decision.generation = static_cast<std::uint64_t>(NumberOf(object, "generation"));
  decision.authentication = TextOf(object, "authentication");
  decision.authenticator = TextOf(object, "authenticator");
  decision.identity = TextOf(object, "identity");
  auto client = ClientFromJson(json_object_get(object, "client"));
  if (!client) return Err{client.error()};
  decision.client = std::move(client).value();
  std::size_t index = 0;
  json_t* value = nullptr;
  json_array_foreach(json_object_get(object, "steps"), index, value) {
    auto step = StepFromJson(value);
    if (!step) return Err{step.error()};
    decision.steps.push_back(std::move(step).value());
  }
  decision.steps_dropped = static_cast<std::uint64_t>(NumberOf(object, "steps_dropped"));
  return decision;
}

}  // namespace signet::report
