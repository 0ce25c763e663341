#include "src/lookup/lookup.h"

#include <signet/driver.h>

#include <map>

#include "drivers/host/host_api.h"
#include "src/base/limits.h"
#include "src/engine/engine.h"
#include "src/lookup/io.h"

namespace signet::lookup {

using drivers::LookupCall;
using drivers::LookupDriver;
using expand::LookupAnswer;

struct Worker::Rep {
  Rep(const drivers::Registry& r, config::ConfigPtr config, Log* log)
      : registry(r), host(std::make_shared<Host>(std::move(config), log)) {
    for (const auto& driver : registry.lookups()) host->AddDefaults(driver->main_options);
  }
  ~Rep() {
    for (const auto& [driver, state] : states)
      if (driver->close != nullptr) driver->close(drivers::HostTable(), state);
  }

  // Opened when it is first wanted.
  void* StateOf(const signet_lookup_driver* driver) {
    const auto found = states.find(driver);
    if (found != states.end()) return found->second;
    void* state =
        driver->open == nullptr ? nullptr : driver->open(drivers::HostTable(), host.get());
    states.emplace(driver, state);
    return state;
  }

  const drivers::Registry& registry;
  std::shared_ptr<Host> host;
  std::map<const signet_lookup_driver*, void*> states;
};

Worker::Worker(const drivers::Registry& registry, config::ConfigPtr config, Log* log)
    : rep_(std::make_unique<Rep>(registry, std::move(config), log)) {}
Worker::~Worker() = default;

namespace {

LookupAnswer Deferred(std::string why) { return {LookupAnswer::kDeferred, std::move(why)}; }

bool HasOption(std::string_view options, std::string_view wanted) {
  while (!options.empty()) {
    const std::size_t comma = options.find(',');
    if (options.substr(0, comma) == wanted) return true;
    if (comma == std::string_view::npos) break;
    options.remove_prefix(comma + 1);
  }
  return false;
}

// The deadline on the drivers' clock, at most one lookup's time from now (rule L4).
std::int64_t DeadlineMs(Deadline deadline) {
  const Deadline sooner = deadline.Sooner(Deadline::After(limits::kLookupTotal));
  return drivers::NowMs() + sooner.Remaining().count();
}

// An answer that came to nothing has a reason in any case.
LookupAnswer AnswerOf(int found, LookupCall& call) {
  if (found == SIGNET_FOUND) return {LookupAnswer::kFound, std::move(call.answered)};
  if (found == SIGNET_NOT_FOUND) return {LookupAnswer::kNotFound, ""};
  return Deferred(call.answered.empty() ? "the driver gave no reason" : call.answered);
}

// Octets of any value, told apart from their neighbours by their length.
void AddToKey(std::string* key, std::string_view part) {
  *key += std::to_string(part.size());
  *key += ':';
  *key += part;
}

}  // namespace

struct PerConnection::Rep {
  explicit Rep(Worker& w) : worker(w.rep()) {}

  const LookupDriver* DriverOf(int handle) const {
    const auto& all = worker.registry.lookups();
    return handle >= 0 && static_cast<std::size_t>(handle) < all.size()
               ? all[static_cast<std::size_t>(handle)].get()
               : nullptr;
  }
  LookupAnswer Ask(const LookupDriver& driver, const expand::LookupRequest& request,
                   Deadline deadline);

  // An answer that is not too old, or nullptr (rule L8).
  const LookupAnswer* FindKept(const std::string& key);
  void Keep(const std::string& key, const LookupAnswer& answer);

  struct Kept {
    LookupAnswer answer;  // kFound or kNotFound
    Deadline until;
  };
  Worker::Rep& worker;
  std::map<std::string, Kept> kept;
};

const LookupAnswer* PerConnection::Rep::FindKept(const std::string& key) {
  const auto found = kept.find(key);
  return found == kept.end() || found->second.until.Passed() ? nullptr : &found->second.answer;
}

void PerConnection::Rep::Keep(const std::string& key, const LookupAnswer& answer) {
  if (kept.size() >= limits::kAnswersKept)
    std::erase_if(kept, [](const auto& entry) { return entry.second.until.Passed(); });
  if (kept.size() >= limits::kAnswersKept) return;
  const auto age =
      answer.kind == LookupAnswer::kFound ? limits::kAnswerMaxAge : limits::kNotFoundMaxAge;
  kept.insert_or_assign(key, Kept{answer, Deadline::After(age)});
}

LookupAnswer PerConnection::Rep::Ask(const LookupDriver& driver,
                                     const expand::LookupRequest& request, Deadline deadline) {
  if (deadline.Passed()) return Deferred("no time is left for a lookup");
  LookupCall call;
  call.type = driver.type_index;
  call.key = drivers::Borrow(request.key);
  call.query = drivers::Borrow(request.query);
  call.options = drivers::Borrow(request.options);
  call.deadline_ms = DeadlineMs(deadline);
  void* state = worker.StateOf(driver.abi);
  int found = SIGNET_LATER;
  const auto find = [&] { found = driver.abi->find(drivers::HostTable(), state, &call); };
  if (driver.blocking)
    engine::Blocking(find);
  else
    find();
  return AnswerOf(found, call);
}

PerConnection::PerConnection(Worker& worker) : rep_(std::make_unique<Rep>(worker)) {}
PerConnection::~PerConnection() = default;

LookupAnswer PerConnection::Find(const expand::LookupRequest& request, Deadline deadline) {
  const LookupDriver* driver = rep_->DriverOf(request.handle);
  if (driver == nullptr) return Deferred("unknown lookup type");
  if (driver->type.single_key ? request.key.empty() : request.query.empty())
    return {LookupAnswer::kNotFound, ""};
  if (!engine::InCoroutine() && !driver->type.single_key)
    return Deferred("this lookup cannot be made here: it has to wait");
  std::string key = std::to_string(request.handle) + ' ';
  for (const std::string_view part : {request.key, request.query, request.options})
    AddToKey(&key, part);
  const bool no_cache = HasOption(request.options, "cache=no");
  if (!no_cache && !HasOption(request.options, "cache=no_rd"))
    if (const LookupAnswer* known = rep_->FindKept(key); known != nullptr) return *known;
  LookupAnswer answer = rep_->Ask(*driver, request, deadline);
  if (answer.kind == LookupAnswer::kDeferred) return answer;
  if (driver->type.single_key && answer.kind == LookupAnswer::kFound &&
      HasOption(request.options, "ret=key"))
    answer.text = request.key;
  if (!no_cache && !HasOption(request.options, "cache=no_wr")) rep_->Keep(key, answer);
  return answer;
}

LookupAnswer PerConnection::Authenticate(int handle, std::string_view query, Deadline deadline) {
  const LookupDriver* driver = rep_->DriverOf(handle);
  if (driver == nullptr || driver->abi->authenticate == nullptr)
    return Deferred("this lookup type cannot test credentials");
  if (!engine::InCoroutine()) return Deferred("this lookup cannot be made here: it has to wait");
  LookupCall call;
  call.type = driver->type_index;
  call.query = drivers::Borrow(query);
  call.deadline_ms = DeadlineMs(deadline);
  void* state = rep_->worker.StateOf(driver->abi);
  switch (driver->abi->authenticate(drivers::HostTable(), state, &call)) {
    case SIGNET_ACCEPT:
      return {LookupAnswer::kFound, ""};
    case SIGNET_REJECT:
      return {LookupAnswer::kNotFound, ""};
    default:
      return AnswerOf(SIGNET_LATER, call);
  }
}

}  // namespace signet::lookup
