#include "src/acl/ratelimit.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>
#include <vector>

#include "src/acl/modifiers.h"
#include "src/acl/parts.h"
#include "src/acl/rates.h"
#include "src/acl/rules.h"
#include "src/acl/run.h"
#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/config/scalars.h"

namespace signet::acl {
namespace {

using config::AclWhen;

// Rates that a session remembers to have counted; more are counted once more.
constexpr std::size_t kRemembered = 1000;
constexpr std::chrono::seconds kSeenRefresh{10 * 86400};

std::string Quoted(std::string_view text) { return '"' + Printable(text) + '"'; }

// "10", "2.5", "50k".
std::optional<double> ReadAmount(std::string_view text) {
  double unit = 1;
  if (!text.empty() && !IsDigit(text.back()) && text.back() != '.') {
    const char suffix = ToLower(text.back());
    unit = suffix == 'k' ? 1024.0 : suffix == 'm' ? 1048576.0 : suffix == 'g' ? 1073741824.0 : 0;
    text.remove_suffix(1);
  }
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  const bool read = error == std::errc() && end == text.data() + text.size() && unit > 0;
  if (!read || !std::isfinite(number) || number < 0) return std::nullopt;
  return number * unit;
}

// --- ratelimit -------------------------------------------------------------------------------

enum class Per : std::uint8_t { kConn, kMail, kRcpt, kAddr, kByte, kCmd };
struct PerRow {
  std::string_view name;
  Per per;
  Places counts;         // where it can be updated
  std::string_view key;  // in keys of the store
};
constexpr Places kMessage =
    At(AclWhen::kMail) | At(AclWhen::kRcpt) | At(AclWhen::kPredata) | At(AclWhen::kData);
constexpr PerRow kPer[] = {
    {"per_addr", Per::kAddr, At(AclWhen::kRcpt), "per_rcpt"},
    {"per_byte", Per::kByte, kMessage, "per_byte"},
    {"per_cmd", Per::kCmd, kEverywhere, "per_cmd"},
    {"per_conn", Per::kConn, kEverywhere, "per_conn"},
    {"per_mail", Per::kMail, kMessage, "per_mail"},
    {"per_rcpt", Per::kRcpt, kMessage & ~At(AclWhen::kMail), "per_rcpt"},
};
constexpr const PerRow& kPerMail = kPer[4];
static_assert(kPerMail.per == Per::kMail);

struct Ratelimit {
  double limit = 0;
  std::chrono::milliseconds period{0};
  std::string limit_text, period_text;
  const PerRow* per = nullptr;
  std::optional<RateRequest::Update> update;
  std::optional<double> count;
  std::optional<std::string> unique;
  std::optional<std::string> key;
};

struct Mistake {
  std::string text;
  std::size_t from = 0, to = 0;  // in the argument
};

Mistake About(const Part& part, std::string text) { return {std::move(text), part.from, part.to}; }

std::optional<Mistake> TakeLimit(const Part& part, Ratelimit* read) {
  if (part.text.empty()) return About(part, "sender rate limit not set");
  const auto amount = ReadAmount(part.text);
  if (!amount) return About(part, Quoted(part.text) + " is not a positive number");
  read->limit = *amount;
  read->limit_text = part.text;
  return std::nullopt;
}

std::optional<Mistake> TakePeriod(const Part& part, Ratelimit* read) {
  const auto time = ParseTime(part.text);
  if (!time || time->count() == 0)
    return About(part, Quoted(part.text) + " is not a time value such as 10m or 1h");
  read->period = *time;
  read->period_text = part.text;
  return std::nullopt;
}

const PerRow* FindPer(const Part& part) {
  for (const PerRow& row : kPer)
    if (IsWord(part, row.name)) return &row;
  return nullptr;
}

std::optional<RateRequest::Update> FindUpdate(const Part& part) {
  if (IsWord(part, "leaky")) return RateRequest::kBelow;
  if (IsWord(part, "strict")) return RateRequest::kAlways;
  if (IsWord(part, "readonly") || IsWord(part, "noupdate")) return RateRequest::kNever;
  return std::nullopt;
}

// An option, or a part of the key.
std::optional<Mistake> TakeOption(const Part& part, Ratelimit* read) {
  if (const PerRow* per = FindPer(part)) {
    if (read->per != nullptr) return About(part, "conflicting per_* options");
    read->per = per;
  } else if (const auto update = FindUpdate(part)) {
    if (read->update) return About(part, "conflicting update modes");
    read->update = update;
  } else if (const auto count = OptionOf(part, "count=")) {
    read->count = ReadAmount(*count);
    if (part.known && !read->count)
      return About(part, Quoted(*count) + " is not a positive number");
  } else if (const auto unique = OptionOf(part, "unique=")) {
    read->unique = *unique;
  } else if (part.ours == part.text.size() && part.text.starts_with("per_")) {
    std::vector<std::string_view> names;
    for (const PerRow& row : kPer) names.push_back(row.name);
    const std::string_view near = SuggestName(part.text, names);
    return About(part, "unknown option " + Quoted(part.text) +
                           (near.empty() ? "" : "; did you mean " + Quoted(near) + "?"));
  } else if (!part.text.empty()) {
    read->key = read->key ? *read->key + '/' + part.text : part.text;
  }
  return std::nullopt;
}

std::optional<Mistake> ReadRatelimit(const std::vector<Part>& parts, Ratelimit* read) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].known && i < 2) continue;
    auto mistake = i == 0   ? TakeLimit(parts[i], read)
                   : i == 1 ? TakePeriod(parts[i], read)
                            : TakeOption(parts[i], read);
    if (mistake) return mistake;
  }
  if (parts.size() < 2) return About(parts.back(), "sender rate period not set");
  if (read->per != nullptr && read->per->per == Per::kAddr && read->unique)
    return About(parts.back(), "per_addr and unique= cannot be used together");
  return std::nullopt;
}

std::string Misplaced(const Ratelimit& read, AclWhen when) {
  const PerRow& per = read.per == nullptr ? kPerMail : *read.per;
  if (read.update == RateRequest::kNever || (per.counts & At(when)) != 0) return "";
  return Quoted(per.name) + (read.per == nullptr ? " (the default)" : "") +
         " can only be read, with \"readonly\", in " + std::string(PlaceOf(when).name) + " ACL";
}

double CountOf(const Ratelimit& read, Per per, const Run& run) {
  if (read.count) return *read.count;
  const facts::Envelope& envelope = run.session().envelope;
  if (per == Per::kByte)
    return static_cast<double>(std::max(envelope.message_size, envelope.declared_size));
  if (per == Per::kRcpt && run.when != AclWhen::kRcpt)
    return static_cast<double>(envelope.recipients.size());
  return 1;
}

facts::Rates& RememberedBy(Per per, facts::Session& session) {
  if (per == Per::kConn) return session.rates_of_connection;
  if (per == Per::kMail || per == Per::kByte) return session.envelope.rates;
  return session.rates_of_command;
}

RateRequest RequestFor(const Ratelimit& read, const PerRow& per, const Run& run) {
  RateRequest request;
  request.update = read.update.value_or(RateRequest::kBelow);
  request.period_seconds = std::chrono::duration<double>(read.period).count();
  request.count = CountOf(read, per.per, run);
  request.limit = read.limit;
  request.unique = read.unique;
  if (per.per == Per::kAddr) request.unique = run.session().envelope.current.address;
  request.key = config::ShowTime(read.period) + '/' + std::string(per.key) + '/' +
                (request.unique ? "unique/" : "") +
                read.key.value_or(run.session().connection.client_ip);
  return request;
}

Answer Wrong(std::string_view name, std::string text) {
  return {.kind = Answer::kError,
          .log_text =
              "error in arguments to \"" + std::string(name) + "\" condition: " + std::move(text)};
}

Answer NoStore(const RateAnswer& answer) {
  return {.kind = Answer::kDefer,
          .log_text =
              "ratelimit database not available" + (answer.why.empty() ? "" : ": " + answer.why)};
}

Answer Truth(bool is_true) { return {.kind = is_true ? Answer::kTrue : Answer::kFalse}; }

}  // namespace

void CheckRatelimit(const Item& item, const CheckContext& context) {
  Ratelimit read;
  if (const auto mistake = ReadRatelimit(SplitSource(item.argument.span.view()), &read))
    context.Error(item.argument.span.Part(mistake->from, mistake->to), mistake->text);
}

std::string RatelimitMisplaced(std::string_view argument, AclWhen when) {
  const std::vector<Part> parts = SplitSource(argument);
  Ratelimit read;
  if (ReadRatelimit(parts, &read)) return "";
  // What an expansion begins may still become an option.
  const auto unknown = [](const Part& part) { return !part.known && part.text.starts_with('$'); };
  if (std::any_of(parts.begin() + 2, parts.end(), unknown)) return "";
  return Misplaced(read, when);
}

Answer RunRatelimit(const Item& item, const Value& value, Run& run) {
  const std::vector<Part> parts = SplitValue(value);
  Ratelimit read;
  if (auto mistake = ReadRatelimit(parts, &read)) return Wrong(item.row->name, mistake->text);
  if (auto why = Misplaced(read, run.when); !why.empty()) return Wrong(item.row->name, why);
  const PerRow& per = read.per == nullptr ? kPerMail : *read.per;
  const RateRequest request = RequestFor(read, per, run);

  facts::Session& session = run.effects.session();
  facts::Rates& remembered = RememberedBy(per.per, session);
  const bool counts = request.update != RateRequest::kNever;
  const std::string memo = request.key + (request.unique ? '\n' + *request.unique : "");
  double rate = 0;
  if (const auto found = remembered.find(memo); counts && found != remembered.end()) {
    rate = found->second;
  } else {
    const RateAnswer answer = run.effects.UpdateRate(request);
    if (!answer.available) return NoStore(answer);
    rate = answer.rate;
    if (counts && remembered.size() < kRemembered) remembered.insert_or_assign(memo, rate);
  }
  char shown[64];
  std::snprintf(shown, sizeof shown, "%.1f", rate);
  session.sender_rate = shown;
  session.sender_rate_limit = read.limit_text;
  session.sender_rate_period = read.period_text;
  return Truth(rate >= read.limit);
}

// --- seen --------------------------------------------------------------------------------------

namespace {

struct SeenArgument {
  bool before = false;  // "-": true where it was longer ago
  std::chrono::seconds time{0};
  std::chrono::seconds refresh = kSeenRefresh;
  std::optional<RateRequest::Update> update;
  std::optional<std::string> key;
};

std::optional<Mistake> TakeSeenTime(const Part& part, SeenArgument* read) {
  std::string_view text = part.text;
  read->before = text.starts_with('-');
  if (read->before) text = Trim(text.substr(1));
  const auto time = ParseTime(text);
  if (!time) return About(part, Quoted(part.text) + " is not a time value such as 5m or -5m");
  read->time = *time;
  return std::nullopt;
}

std::optional<Mistake> TakeSeenOption(const Part& part, SeenArgument* read) {
  if (const auto key = OptionOf(part, "key=")) {
    read->key = *key;
  } else if (const auto refresh = OptionOf(part, "refresh=")) {
    const auto time = ParseTime(*refresh);
    if (part.known && !time)
      return About(part, Quoted(*refresh) + " is not a time value such as 10d");
    if (time) read->refresh = *time;
  } else if (IsWord(part, "readonly")) {
    read->update = RateRequest::kNever;
  } else if (IsWord(part, "write")) {
    read->update = RateRequest::kAlways;
  } else if (part.known && !part.text.empty()) {
    return About(part, "\"key=\", \"refresh=\", \"readonly\" or \"write\" expected, found " +
                           Quoted(part.text));
  }
  return std::nullopt;
}

std::optional<Mistake> ReadSeen(const std::vector<Part>& parts, SeenArgument* read) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].known && i == 0) continue;
    auto mistake = i == 0 ? TakeSeenTime(parts[i], read) : TakeSeenOption(parts[i], read);
    if (mistake) return mistake;
  }
  return std::nullopt;
}

}  // namespace

void CheckSeen(const Item& item, const CheckContext& context) {
  SeenArgument read;
  if (const auto mistake = ReadSeen(SplitSource(item.argument.span.view()), &read))
    context.Error(item.argument.span.Part(mistake->from, mistake->to), mistake->text);
}

Answer RunSeen(const Item& item, const Value& value, Run& run) {
  // A key that a client chose may hold slashes: they are part of it.
  SeenArgument read;
  if (auto mistake = ReadSeen(SplitValue(value), &read))
    return Wrong(item.row->name, mistake->text);
  RateRequest request;
  request.kind = RateRequest::kSeen;
  request.update = read.update.value_or(read.before ? RateRequest::kBelow : RateRequest::kAlways);
  request.period_seconds = static_cast<double>(read.time.count());
  request.refresh_seconds = static_cast<double>(read.refresh.count());
  request.key = read.key.value_or(run.session().connection.client_ip);
  const RateAnswer answer = run.effects.UpdateRate(request);
  if (!answer.available) return NoStore(answer);
  if (!answer.age_seconds) return Truth(false);
  const bool longer_ago = *answer.age_seconds >= request.period_seconds;
  return Truth(read.before ? longer_ago : !longer_ago);
}

}  // namespace signet::acl
