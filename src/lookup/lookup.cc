#include "src/lookup/lookup.h"

#include <signet/driver.h>

#include <algorithm>
#include <cmath>
#include <map>

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
    const auto elsewhere = hosts.find(driver);
    Host* its_host = elsewhere == hosts.end() ? host.get() : elsewhere->second.get();
    void* state = driver->open == nullptr ? nullptr : driver->open(drivers::HostTable(), its_host);
    states.emplace(driver, state);
    return state;
  }

  const drivers::Registry& registry;
  std::shared_ptr<Host> host;
  // Of drivers that connect otherwise than by the network.
  std::map<const signet_lookup_driver*, std::shared_ptr<Host>> hosts;
  std::map<const signet_lookup_driver*, void*> states;
};

Worker::Worker(const drivers::Registry& registry, config::ConfigPtr config, Log* log)
    : rep_(std::make_unique<Rep>(registry, std::move(config), log)) {}
Worker::~Worker() = default;
signet_worker* Worker::host() { return rep_->host.get(); }
const expand::Names* Worker::names() const { return rep_->host->names(); }

bool Worker::ConnectBy(std::string_view type, Connector connector) {
  const LookupDriver* driver = rep_->registry.FindLookup(type);
  if (driver == nullptr) return false;
  SIGNET_CHECK(!rep_->states.contains(driver->abi));
  auto host = std::make_shared<Host>(*rep_->host);
  host->SetConnector(std::move(connector));
  rep_->hosts.insert_or_assign(driver->abi, std::move(host));
  return true;
}

std::string_view Worker::TypeName(int handle) const {
  const auto& all = rep_->registry.lookups();
  const bool known = handle >= 0 && static_cast<std::size_t>(handle) < all.size();
  return known ? all[static_cast<std::size_t>(handle)]->type.name : "unknown";
}

namespace {

LookupAnswer Deferred(std::string why, bool opening = false) {
  return {LookupAnswer::kDeferred, std::move(why), opening, ""};
}

// Options that every type has, and what is left of the others.
struct Options {
  bool read_cache = true;
  bool write_cache = true;
  bool give_key = false;
  std::string rest;
};

Options ReadOptions(std::string_view text, bool single_key) {
  Options options;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view option = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (option == "cache=no" || option == "cache=no_rd") options.read_cache = false;
    if (option == "cache=no" || option == "cache=no_wr") options.write_cache = false;
    if (single_key && option == "ret=key") options.give_key = true;
    if (option.starts_with("cache=") || (single_key && option == "ret=key")) continue;
    if (!options.rest.empty()) options.rest += ',';
    options.rest += option;
  }
  return options;
}

// The deadline on the drivers' clock, at most one lookup's time from now (rule L4).
std::int64_t DeadlineMs(Deadline deadline) {
  const Deadline sooner = deadline.Sooner(Deadline::After(limits::kLookupTotal));
  return drivers::NowMs() + sooner.Remaining().count();
}

// An answer that came to nothing has a reason in any case.
LookupAnswer AnswerOf(int found, LookupCall& call) {
  if (found == SIGNET_FOUND && call.answered.size() > limits::kLookupAnswerBytes)
    return Deferred("the answer is longer than " + std::to_string(limits::kLookupAnswerBytes) +
                    " octets");
  if (found == SIGNET_FOUND)
    return {LookupAnswer::kFound, std::move(call.answered), false, std::move(call.entry)};
  if (found == SIGNET_NOT_FOUND) return {LookupAnswer::kNotFound, "", false, std::move(call.entry)};
  if (call.answered.empty()) return Deferred("the driver gave no reason");
  return Deferred(std::move(call.answered), found == SIGNET_UNREADABLE);
}

// Octets of any value, told apart from their neighbours by their length.
void AddToKey(std::string* key, std::string_view part) {
  *key += std::to_string(part.size());
  *key += ':';
  *key += part;
}

}  // namespace

struct PerConnection::Rep {
  Rep(Worker& w, std::int64_t (*now)()) : worker(w.rep()), now_ms(now) {}

  const LookupDriver* DriverOf(int handle) const {
    const auto& all = worker.registry.lookups();
    return handle >= 0 && static_cast<std::size_t>(handle) < all.size()
               ? all[static_cast<std::size_t>(handle)].get()
               : nullptr;
  }
  LookupAnswer Find(const LookupDriver& driver, const expand::LookupRequest& request,
                    const Options& options, Deadline deadline);
  // What else came out of a lookup.
  struct Told {
    bool changed = false;  // no answer that the driver gave so far is to be used again
    bool once = false;     // the answer hangs on more than the question
  };
  LookupAnswer Ask(const LookupDriver& driver, const expand::LookupRequest& request,
                   Deadline deadline, Told* told);

  // An answer that is not too old, or nullptr (rule L8).
  const LookupAnswer* FindKept(const std::string& key) const;
  void Keep(const LookupDriver& driver, const std::string& key, const LookupAnswer& answer);
  void ForgetThoseOf(const LookupDriver& driver) {
    std::erase_if(kept, [&](const auto& entry) { return entry.second.driver == driver.abi; });
  }

  struct Kept {
    const signet_lookup_driver* driver;
    LookupAnswer answer;  // kFound or kNotFound
    std::int64_t until_ms;
  };
  Worker::Rep& worker;
  std::int64_t (*now_ms)();
  std::map<std::string, Kept> kept;
};

const LookupAnswer* PerConnection::Rep::FindKept(const std::string& key) const {
  const auto found = kept.find(key);
  return found == kept.end() || now_ms() >= found->second.until_ms ? nullptr
                                                                   : &found->second.answer;
}

void PerConnection::Rep::Keep(const LookupDriver& driver, const std::string& key,
                              const LookupAnswer& answer) {
  using std::chrono::milliseconds;
  const std::int64_t now = now_ms();
  if (kept.size() >= limits::kAnswersKept)
    std::erase_if(kept, [now](const auto& entry) { return now >= entry.second.until_ms; });
  if (kept.size() >= limits::kAnswersKept) return;
  const milliseconds age =
      answer.kind == LookupAnswer::kFound ? limits::kAnswerMaxAge : limits::kNotFoundMaxAge;
  kept.insert_or_assign(key, Kept{driver.abi, answer, now + age.count()});
}

LookupAnswer PerConnection::Rep::Ask(const LookupDriver& driver,
                                     const expand::LookupRequest& request, Deadline deadline,
                                     Told* told) {
  if (deadline.Passed()) return Deferred("no time is left for a lookup");
  LookupCall call;
  call.type = driver.type_index;
  call.key = drivers::Borrow(request.key);
  call.query = drivers::Borrow(request.query);
  call.options = drivers::Borrow(request.options);
  call.deadline_ms = DeadlineMs(deadline);
  if (request.patterns != nullptr && !driver.blocking)
    call.match = [&](std::string_view pattern, std::uint32_t flags) {
      const bool expand = (flags & SIGNET_PATTERN_EXPAND) != 0;
      told->once = told->once || (expand && pattern.find('$') != std::string_view::npos);
      LookupAnswer answer = request.patterns->Match(pattern, expand);
      if (answer.kind == LookupAnswer::kFound) return SIGNET_FOUND;
      if (answer.kind == LookupAnswer::kNotFound) return SIGNET_NOT_FOUND;
      call.answered = std::move(answer.text);
      return SIGNET_LATER;
    };
  void* state = worker.StateOf(driver.abi);
  int found = SIGNET_LATER;
  const auto find = [&] { found = driver.abi->find(drivers::HostTable(), state, &call); };
  if (driver.blocking)
    engine::BlockingForAnswer(find);
  else
    find();
  told->changed = call.changed;
  return AnswerOf(found, call);
}

LookupAnswer PerConnection::Rep::Find(const LookupDriver& driver,
                                      const expand::LookupRequest& request, const Options& options,
                                      Deadline deadline) {
  std::string key = std::to_string(request.handle) + ' ';
  for (const std::string_view part : {request.key, request.query, std::string_view(options.rest)})
    AddToKey(&key, part);
  if (options.read_cache && driver.kept)
    if (const LookupAnswer* known = FindKept(key); known != nullptr) {
      LookupAnswer answer = *known;
      answer.remembered = true;
      return answer;
    }
  Told told;
  LookupAnswer answer =
      Ask(driver, {request.handle, request.key, request.query, options.rest, request.patterns},
          deadline, &told);
  if (told.changed) ForgetThoseOf(driver);
  if (answer.kind != LookupAnswer::kDeferred && !told.changed && !told.once &&
      options.write_cache && driver.kept)
    Keep(driver, key, answer);
  return answer;
}

PerConnection::PerConnection(Worker& worker, std::int64_t (*now_ms)())
    : rep_(std::make_unique<Rep>(worker, now_ms)) {}
PerConnection::~PerConnection() = default;

LookupAnswer PerConnection::Find(const expand::LookupRequest& request, Deadline deadline) {
  const LookupDriver* driver = rep_->DriverOf(request.handle);
  if (driver == nullptr) return Deferred("unknown lookup type");
  if (driver->type.single_key ? request.key.empty() : request.query.empty())
    return {LookupAnswer::kNotFound, ""};
  if (!engine::InCoroutine() && !driver->type.single_key && !driver->blocking)
    return Deferred("this lookup cannot be made here: it has to wait");
  const Options options = ReadOptions(request.options, driver->type.single_key);
  LookupAnswer answer = rep_->Find(*driver, request, options, deadline);
  if (options.give_key && answer.kind == LookupAnswer::kFound) answer.text = request.key;
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

std::string PerConnection::UpdateRate(int handle, RateStep* step, Deadline deadline) {
  const LookupDriver* driver = rep_->DriverOf(handle);
  if (driver == nullptr || driver->abi->rate == nullptr) return "this lookup type keeps no rates";
  if (!engine::InCoroutine() && !driver->blocking) return "rates cannot be kept here";
  LookupCall call;
  call.type = driver->type_index;
  call.key = drivers::Borrow(step->key);
  call.deadline_ms = DeadlineMs(deadline);
  signet_rate rate{};
  rate.size = sizeof rate;
  rate.kind = step->notes_time ? SIGNET_RATE_SEEN : SIGNET_RATE_AVERAGE;
  rate.update = step->update == RateStep::kNever    ? SIGNET_RATE_READ
                : step->update == RateStep::kAlways ? SIGNET_RATE_WRITE
                                                    : SIGNET_RATE_WRITE_BELOW;
  if (step->unique) rate.unique = {step->unique->data(), step->unique->size()};
  rate.period = step->period_seconds;
  rate.count = step->count;
  rate.limit = step->limit;
  rate.refresh = step->refresh_seconds;
  rate.life = step->life_seconds;
  rate.age = -1;
  void* state = rep_->worker.StateOf(driver->abi);
  int found = SIGNET_LATER;
  const auto update = [&] { found = driver->abi->rate(drivers::HostTable(), state, &call, &rate); };
  if (driver->blocking)
    engine::BlockingForAnswer(update);
  else
    update();
  if (found != SIGNET_FOUND)
    return call.answered.empty() ? "the driver gave no reason" : call.answered;
  if (!std::isfinite(rate.rate) || rate.rate < 0) return "the store gave no number";
  step->rate = rate.rate;
  if (rate.age >= 0) step->age_seconds = rate.age;
  return "";
}

}  // namespace signet::lookup
