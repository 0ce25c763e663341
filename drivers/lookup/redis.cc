// The `redis` lookup: one command for a Redis server.
//
// Commands are sent and replies read through the host's streams, so a server that does not
// answer holds up only the sessions that asked it. A connection carries one command at a
// time and is kept for the next.
#include <signet/driver_cpp.h>

#include <algorithm>
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

 private:
  // Where asking one server ended; `why` is empty where it replied.
  struct End {
    Reply reply;
    std::string why;
  };
  End AskServer(const Server& server, const std::vector<std::string>& words,
                std::int64_t deadline_ms);
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
// the command may have done something.
State::End State::AskServer(const Server& server, const std::vector<std::string>& words,
                            std::int64_t deadline_ms) {
  End end;
  bool silent = false;
  if (std::unique_ptr<Connection> kept = TakeIdle(server)) {
    end.why = kept->Ask(words, deadline_ms, &end.reply, &silent);
    if (end.why.empty()) Keep(std::move(kept));
    const bool again =
        !end.why.empty() && silent && IsReading(words.front()) && host_->now_ms() < deadline_ms;
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
    const End end = AskServer(server, words, call->deadline_ms);
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
  return driver;
}
const signet_lookup_driver kDriver = MakeDriver();
const signet_lookup_driver* const kLookups[] = {&kDriver};
const signet_module kModule = signet::driver::LookupModule("redis", kLookups);

}  // namespace

SIGNET_DRIVER_ENTRY(redis) { return &kModule; }
