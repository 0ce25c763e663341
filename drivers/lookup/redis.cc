// The `redis` lookup: one command for a Redis server.
//
// Commands are sent and replies read through the host's streams, so a server that does not
// answer holds up only the sessions that asked it. A connection carries one command at a
// time and is kept for the next.
#include <signet/driver_cpp.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <list>

#include "drivers/lookup/file.h"
#include "drivers/lookup/redis_protocol.h"

namespace {

using signet::driver::Text;
using signet::driver::View;
using namespace signet::redis;

constexpr std::size_t kConnectionsKept = 8;
constexpr std::size_t kLineMaxBytes = 64 * 1024;

// One connection, with what has arrived on it and has not been read.
class Connection {
 public:
  Connection(const signet_host* host, Server server) : host_(host), server_(std::move(server)) {}

  const Server& server() const { return server_; }
  bool used_before() const { return used_before_; }
  // Whether nothing has arrived that nobody asked for, an end of the connection included.
  bool IsQuiet() const { return buffer_.empty() && host_->read_pending(stream_.get()) == 0; }

  // Connects, gives the password and selects the database. Returns what is wrong, or "".
  std::string Open(signet_worker* worker, std::int64_t deadline_ms);
  // One command (waits). *silent: the connection ended before any of a reply came.
  std::string Ask(const std::vector<std::string>& words, std::int64_t deadline_ms, Reply* reply,
                  bool* silent);
  void MarkUsed() { used_before_ = true; }

 private:
  std::string Fill(std::int64_t deadline_ms);
  std::string Line(std::int64_t deadline_ms, std::string* line);
  std::string Octets(std::int64_t deadline_ms, std::size_t size, std::string* octets);
  // AUTH or SELECT, where there is anything to say.
  std::string Prepare(const char* command, const std::string& word, std::int64_t deadline_ms);
  std::string Why() const { return std::string(View(host_->stream_why(stream_.get()))); }

  const signet_host* host_;
  Server server_;
  signet::driver::Stream stream_;
  std::string buffer_;
  bool used_before_ = false;
};

std::string NameOf(const Server& server) {
  return server.path.empty() ? server.host + ":" + std::to_string(server.port) : server.path;
}

std::string Connection::Open(signet_worker* worker, std::int64_t deadline_ms) {
  signet_endpoint endpoint{};
  endpoint.size = sizeof endpoint;
  endpoint.host = Text(server_.host);
  endpoint.unix_path = Text(server_.path);
  endpoint.port = server_.port;
  signet_stream* stream = nullptr;
  const signet_io connected = host_->connect(
      worker, &endpoint, std::min(deadline_ms, host_->now_ms() + kConnectMs), &stream);
  stream_ = signet::driver::Stream(stream, {host_});
  if (connected != SIGNET_IO_OK)
    return "REDIS connection failed: " + NameOf(server_) + ": " + Why();
  std::string why = Prepare("AUTH", server_.password, deadline_ms);
  return why.empty() ? Prepare("SELECT", server_.database, deadline_ms) : why;
}

std::string Connection::Prepare(const char* command, const std::string& word,
                                std::int64_t deadline_ms) {
  if (word.empty()) return "";
  Reply reply;
  bool silent = false;
  std::string why = Ask({command, word}, deadline_ms, &reply, &silent);
  if (!why.empty()) return why;
  if (reply.kind != Reply::kError) return "";
  return "REDIS: " + std::string(command) + " failed: " + reply.text;
}

std::string Connection::Fill(std::int64_t deadline_ms) {
  char block[3000];
  const std::int64_t got = host_->read(stream_.get(), block, sizeof block, deadline_ms);
  if (got == SIGNET_IO_TIMEOUT) return "REDIS: " + NameOf(server_) + " timed out";
  if (got <= 0) return "REDIS: " + NameOf(server_) + ": " + Why();
  buffer_.append(block, static_cast<std::size_t>(got));
  return "";
}

std::string Connection::Line(std::int64_t deadline_ms, std::string* line) {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    if (buffer_.size() > kLineMaxBytes) return "REDIS: malformed reply";
    if (std::string why = Fill(deadline_ms); !why.empty()) return why;
  }
  *line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return "";
}

std::string Connection::Octets(std::int64_t deadline_ms, std::size_t size, std::string* octets) {
  while (buffer_.size() < size + 2)
    if (std::string why = Fill(deadline_ms); !why.empty()) return why;
  *octets = buffer_.substr(0, size);
  const bool ended = buffer_.compare(size, 2, "\r\n") == 0;
  buffer_.erase(0, size + 2);
  return ended ? "" : "REDIS: malformed reply";
}

std::string Connection::Ask(const std::vector<std::string>& words, std::int64_t deadline_ms,
                            Reply* reply, bool* silent) {
  deadline_ms = std::min(deadline_ms, host_->now_ms() + kAnswerMs);
  *silent = true;
  if (host_->write(stream_.get(), Text(Encode(words)), deadline_ms) != SIGNET_IO_OK)
    return "REDIS: " + NameOf(server_) + ": " + Why();
  const Source source = {
      [&](std::string* line) {
        std::string why = Line(deadline_ms, line);
        if (why.empty()) *silent = false;
        return why;
      },
      [&](std::size_t size, std::string* octets) { return Octets(deadline_ms, size, octets); }};
  std::string why = ReadReply(source, reply);
  return why.empty() || why.starts_with("REDIS") ? why : "REDIS: " + why;
}

// --- the driver --------------------------------------------------------------------------

class State {
 public:
  State(const signet_host* host, signet_worker* worker) : host_(host), worker_(worker) {
    signet_text text;
    if (host->main_option(worker, Text("redis_servers"), &text) != 0) servers_ = View(text);
  }
  signet_found Find(signet_lookup_call* call);
  signet_found Rate(signet_lookup_call* call, signet_rate* rate);

 private:
  // Where asking one server ended; `why` is empty where it replied.
  struct End {
    Reply reply;
    std::string why;
  };
  // What becomes of a command that may or may not have reached the server.
  enum class Twice : bool { kNever, kDoesNoHarm };
  End AskServer(const Server& server, const std::vector<std::string>& words,
                std::int64_t deadline_ms, Twice twice);
  std::unique_ptr<Connection> TakeIdle(const Server& server);
  void Keep(std::unique_ptr<Connection> connection);

  const signet_host* host_;
  signet_worker* worker_;
  std::string servers_;
  std::list<std::unique_ptr<Connection>> idle_;  // last used first
};

std::unique_ptr<Connection> State::TakeIdle(const Server& server) {
  for (auto idle = idle_.begin(); idle != idle_.end();) {
    if (!((*idle)->server() == server)) {
      ++idle;
      continue;
    }
    std::unique_ptr<Connection> connection = std::move(*idle);
    idle = idle_.erase(idle);
    if (connection->IsQuiet()) return connection;
  }
  return nullptr;
}

void State::Keep(std::unique_ptr<Connection> connection) {
  connection->MarkUsed();
  idle_.push_front(std::move(connection));
  if (idle_.size() > kConnectionsKept) idle_.pop_back();
}

// A connection that was kept may have died meanwhile: then once more on a new one, unless
// the command may have done something that must not be done twice.
State::End State::AskServer(const Server& server, const std::vector<std::string>& words,
                            std::int64_t deadline_ms, Twice twice) {
  End end;
  bool silent = false;
  if (std::unique_ptr<Connection> kept = TakeIdle(server)) {
    end.why = kept->Ask(words, deadline_ms, &end.reply, &silent);
    if (end.why.empty()) Keep(std::move(kept));
    const bool again =
        !end.why.empty() && silent && twice == Twice::kDoesNoHarm && host_->now_ms() < deadline_ms;
    if (!again) return end;
  }
  auto connection = std::make_unique<Connection>(host_, server);
  end.why = connection->Open(worker_, deadline_ms);
  if (!end.why.empty()) return end;
  end.why = connection->Ask(words, deadline_ms, &end.reply, &silent);
  if (end.why.empty()) Keep(std::move(connection));
  return end;
}

signet_found State::Find(signet_lookup_call* call) {
  const auto later = [&](const std::string& why) {
    host_->answer(call, Text(why));
    return SIGNET_LATER;
  };
  const std::string_view option = signet::driver::OptionValue(View(call->options), "servers=");
  const auto servers = SplitServers(option.data() != nullptr ? option : servers_);
  if (servers.empty()) return later("no Redis servers defined (redis_servers option)");
  const std::vector<std::string> words = SplitCommand(View(call->query));
  if (words.empty()) return SIGNET_NOT_FOUND;
  if (!IsReading(words.front())) host_->changed(call);
  std::string why;
  for (const std::string& item : servers) {
    Server server;
    why = ReadServer(item, &server);
    if (!why.empty()) return later(why);
    if (host_->now_ms() >= call->deadline_ms) return later("REDIS: timed out");
    const Twice twice = IsReading(words.front()) ? Twice::kDoesNoHarm : Twice::kNever;
    const End end = AskServer(server, words, call->deadline_ms, twice);
    why = end.why;
    if (!why.empty()) continue;
    if (end.reply.kind == Reply::kError) {
      why = "REDIS: lookup result failed: " + end.reply.text;
      if (end.reply.text.starts_with("MOVED")) continue;
      return later(why);
    }
    if (end.reply.kind == Reply::kArray && end.reply.elements.empty()) return SIGNET_NOT_FOUND;
    const std::string text = ShowReply(end.reply);
    host_->answer(call, Text(text));
    return SIGNET_FOUND;
  }
  return later(why);
}

// --- rates -------------------------------------------------------------------------------

// One step, under the server's own clock. KEYS[1] holds r, the rate, and t, the time of the
// last event; KEYS[2] is there while a value of "unique" counts as counted. Numbers go back
// as text, because Redis would make them integers.
constexpr std::string_view kRateScript = R"(
if redis.replicate_commands then redis.replicate_commands() end
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local kind, update = ARGV[1], ARGV[2]
local period, count, limit = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local refresh, life = tonumber(ARGV[6]), tonumber(ARGV[7])
local at = tonumber(redis.call('HGET', KEYS[1], 't') or '')
local age = at and math.max(now - at, 0)
local rate = 0
local writes = update == 'write'
if kind == 'seen' then
  if update == 'below' then writes = not age or age >= refresh end
else
  local old = tonumber(redis.call('HGET', KEYS[1], 'r') or '')
  local repeated = KEYS[2] and redis.call('EXISTS', KEYS[2]) == 1
  if update == 'read' or repeated then count = 0 end
  rate = count
  if old and age then
    local x = math.max(age, 0.000001) / period
    local kept = math.exp(-x)
    local gone = 1 - x / 2
    if x > 0.000001 then gone = (1 - kept) / x end
    rate = math.max(gone * count + kept * old, count)
  end
  if update == 'below' then writes = rate < limit end
  if repeated then writes = false end
end
if writes then
  redis.call('HMSET', KEYS[1], 'r', string.format('%.17g', rate), 't', string.format('%.6f', now))
  redis.call('PEXPIRE', KEYS[1], math.ceil(life * 1000))
  if KEYS[2] then redis.call('SET', KEYS[2], '', 'PX', math.ceil(period * 1000)) end
end
return {string.format('%.17g', rate), string.format('%.6f', age or -1)}
)";

std::string Number(double number) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", number);
  return text;
}

std::vector<std::string> RateCommand(std::string_view key, const signet_rate& rate) {
  const bool seen = rate.kind == SIGNET_RATE_SEEN;
  // The braces keep both keys on one server of a cluster.
  const std::string name =
      std::string(seen ? "{signet/seen/" : "{signet/rate/") + std::string(key) + "}";
  std::vector<std::string> words = {"EVAL", std::string(kRateScript),
                                    rate.unique.data == nullptr ? "1" : "2", name};
  if (rate.unique.data != nullptr) words.push_back(name + "/" + std::string(View(rate.unique)));
  words.emplace_back(seen ? "seen" : "average");
  words.emplace_back(rate.update == SIGNET_RATE_WRITE         ? "write"
                     : rate.update == SIGNET_RATE_WRITE_BELOW ? "below"
                                                              : "read");
  for (const double number : {rate.period, rate.count, rate.limit, rate.refresh, rate.life})
    words.push_back(Number(number));
  return words;
}

bool ReadNumber(const Reply& reply, double* number) {
  if (reply.kind != Reply::kText) return false;
  char* end = nullptr;
  *number = std::strtod(reply.text.c_str(), &end);
  return end != reply.text.c_str() && *end == '\0';
}

// A step that did not get through is made again on a new connection: to count an event twice
// is better than to send its client away.
signet_found State::Rate(signet_lookup_call* call, signet_rate* rate) {
  const auto later = [&](const std::string& why) {
    host_->answer(call, Text(why));
    return SIGNET_LATER;
  };
  const auto servers = SplitServers(servers_);
  if (servers.empty()) return later("no Redis servers defined (redis_servers option)");
  const std::vector<std::string> words = RateCommand(View(call->key), *rate);
  std::string why;
  for (const std::string& item : servers) {
    Server server;
    why = ReadServer(item, &server);
    if (!why.empty()) return later(why);
    if (host_->now_ms() >= call->deadline_ms) return later("REDIS: timed out");
    const End end = AskServer(server, words, call->deadline_ms, Twice::kDoesNoHarm);
    why = end.why;
    if (!why.empty()) continue;
    if (end.reply.kind == Reply::kError) {
      why = "REDIS: " + end.reply.text;
      if (end.reply.text.starts_with("MOVED") || end.reply.text.starts_with("READONLY")) continue;
      return later(why);
    }
    const bool read = end.reply.kind == Reply::kArray && end.reply.elements.size() == 2 &&
                      ReadNumber(end.reply.elements[0], &rate->rate) &&
                      ReadNumber(end.reply.elements[1], &rate->age);
    return read ? SIGNET_FOUND : later("REDIS: malformed reply");
  }
  return later(why);
}

signet_found Rate(const signet_host*, void* state, signet_lookup_call* call,
                  signet_rate* rate) noexcept {
  return static_cast<State*>(state)->Rate(call, rate);
}
signet_found Find(const signet_host*, void* state, signet_lookup_call* call) noexcept {
  return static_cast<State*>(state)->Find(call);
}
void* Open(const signet_host* host, signet_worker* worker) noexcept {
  return new State(host, worker);
}
void Close(const signet_host*, void* state) noexcept { delete static_cast<State*>(state); }

int Quote(uint32_t, signet_text option, signet_text text,
          void (*add)(void* context, signet_text piece), void* context) noexcept {
  if (option.size != 0) return 0;
  const std::string quoted = QuoteWord(View(text));
  add(context, Text(quoted));
  return 1;
}

// clang-format off
const signet_option kOptions[] = {
    {SIGNET_TEXT("redis_servers"), SIGNET_OPTION_SECRET, 0, {}, {},
     SIGNET_TEXT("the servers of `redis` lookups: host[::port]/database/password or (/socket)/database/password")},
};
const signet_lookup_type kTypes[] = {
    {SIGNET_TEXT("redis"), SIGNET_LOOKUP_FIRST_WORD, SIGNET_QUOTE_OWN,
     SIGNET_TEXT("the reply of a Redis server to a command"), SIGNET_TEXT("servers=")},
};
// clang-format on

constexpr signet_lookup_driver MakeDriver() {
  signet_lookup_driver driver = signet::driver::LookupDriver("redis", kTypes, Find);
  driver.main_options = kOptions;
  driver.main_option_count = sizeof kOptions / sizeof kOptions[0];
  driver.main_option_size = sizeof kOptions[0];
  driver.open = Open;
  driver.close = Close;
  driver.quote = Quote;
  driver.rate = Rate;
  return driver;
}
const signet_lookup_driver kDriver = MakeDriver();
const signet_lookup_driver* const kLookups[] = {&kDriver};
const signet_module kModule = signet::driver::LookupModule("redis", kLookups);

}  // namespace

SIGNET_DRIVER_ENTRY(redis) { return &kModule; }
