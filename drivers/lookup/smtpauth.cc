// The condition and lookup `smtpauth`: does another SMTP server accept these credentials?
//
// Each test is a connection of its own, through the host's streams. The credentials go over
// verified TLS, or to this machine.
#include <signet/driver_cpp.h>
#include <string.h>

#include <algorithm>

#include "drivers/lookup/settings.h"
#include "drivers/lookup/smtp_reply.h"

namespace {

using signet::driver::EncodeBase64;
using signet::driver::Settings;
using signet::driver::Text;
using signet::driver::View;
using namespace signet::smtpauth;

constexpr char kSettings[] = "user pass server tls verify_name ca_file helo";

// Wiped when it goes (rule A6).
struct Secret {
  Secret() = default;
  explicit Secret(std::string t) : text(std::move(t)) {}
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { explicit_bzero(text.data(), text.size()); }
  std::string text;
};

// Joined in one piece: a text that grows leaves copies behind that nobody wipes.
std::string Join(std::string_view front, std::string_view back) {
  std::string text;
  text.reserve(front.size() + back.size());
  text.append(front).append(back);
  return text;  // moved: what append() gives would be copied
}

enum class Security : std::uint8_t { kStartTls, kOnConnect, kNone };

struct Query {
  Secret user, password;
  std::string host, name, helo = "localhost", ca_file;
  std::uint16_t port = 0;
  Security security = Security::kStartTls;
};

std::string ReadSecurity(const Settings& settings, Query* query) {
  const std::string* word = settings.Find("tls");
  if (word == nullptr || *word == "starttls") return "";
  if (*word == "on-connect") return query->security = Security::kOnConnect, "";
  if (*word == "no") return query->security = Security::kNone, "";
  return "tls= wants starttls, on-connect or no";
}

std::string ReadServer(const Settings& settings, Query* query) {
  const std::string* server = settings.Find("server");
  if (server == nullptr) return "server= is not set";
  const std::uint16_t port = query->security == Security::kOnConnect ? 465 : 587;
  if (!signet::driver::ReadHostPort(*server, port, &query->host, &query->port))
    return "server= wants HOST, HOST:PORT or [ADDRESS]:PORT, found \"" + *server + "\"";
  if (query->security == Security::kNone && !signet::driver::IsLoopback(query->host))
    return "tls=no is for servers on this machine only, and \"" + query->host + "\" is not";
  if (query->security == Security::kNone && query->host == "localhost") query->host = "127.0.0.1";
  query->name = query->host;
  return "";
}

bool IsHostName(std::string_view text) {
  return !text.empty() && text.size() <= 255 && text.find_first_of("<>\"\\@") == text.npos &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127; });
}

std::string ReadQuery(std::string_view text, Query* query) {
  Settings settings;
  if (std::string why = settings.Parse(text, kSettings); !why.empty()) return why;
  if (!settings.url().empty()) return "there is text that is no setting";
  if (settings.Find("user") == nullptr || settings.Find("pass") == nullptr)
    return "user= and pass= must be set";
  if (std::string why = settings.Decode("user", &query->user.text); !why.empty()) return why;
  if (std::string why = settings.Decode("pass", &query->password.text); !why.empty()) return why;
  if (std::string why = ReadSecurity(settings, query); !why.empty()) return why;
  if (std::string why = ReadServer(settings, query); !why.empty()) return why;
  if (const std::string* name = settings.Find("verify_name")) query->name = *name;
  if (const std::string* file = settings.Find("ca_file")) query->ca_file = *file;
  if (const std::string* helo = settings.Find("helo")) query->helo = *helo;
  if (query->name.empty()) return "verify_name= is empty";
  return IsHostName(query->helo) ? "" : "helo= is no host name";
}

// --- a connection --------------------------------------------------------------------------

// Functions return what went wrong, or "".
class Connection {
 public:
  Connection(const signet_host* host, const Query& query, std::int64_t deadline_ms)
      : host_(host), query_(query), deadline_ms_(deadline_ms) {}

  // Up to the point where AUTH may be said.
  std::string Open(signet_worker* worker);
  // AUTH. `*answer` is the last reply.
  std::string Authenticate(Reply* answer);

 private:
  std::string Connect(signet_worker* worker);
  std::string StartTls();
  std::string SayHello();
  std::string Read(Reply* reply);
  std::string Ask(std::string_view line, Reply* reply);
  std::string Login(Reply* answer);
  std::string Unexpected(const char* to, const Reply& reply) const {
    return "the server answers " + std::string(to) + " with " + reply.Shown();
  }

  const signet_host* host_;
  const Query& query_;
  std::int64_t deadline_ms_;
  signet::driver::Stream stream_;
  std::string buffer_;
  Reply hello_;
};

constexpr char kOutOfStep[] = "the server said something that it was not asked for";

std::string Connection::Connect(signet_worker* worker) {
  signet_endpoint endpoint{};
  endpoint.size = sizeof endpoint;
  endpoint.host = Text(query_.host);
  endpoint.port = query_.port;
  signet_stream* stream = nullptr;
  const signet_io connected = host_->connect(
      worker, &endpoint, std::min(deadline_ms_, host_->now_ms() + kConnectMs), &stream);
  stream_ = signet::driver::Stream(stream, {host_});
  if (connected == SIGNET_IO_OK) return "";
  return "cannot connect: " + std::string(View(host_->stream_why(stream)));
}

std::string Connection::StartTls() {
  signet_tls_options options{};
  options.size = sizeof options;
  options.verify_name = Text(query_.name);
  options.ca_file = Text(query_.ca_file);
  if (host_->start_tls(stream_.get(), &options, deadline_ms_) == SIGNET_IO_OK) return "";
  return "TLS: " + std::string(View(host_->stream_why(stream_.get())));
}

// A reply, with nothing behind it (rule U4).
std::string Connection::Read(Reply* reply) {
  for (;;) {
    const Taken taken = TakeReply(&buffer_, reply);
    if (taken == Taken::kBad) return "the server's reply is malformed";
    if (taken == Taken::kReply) return buffer_.empty() ? "" : kOutOfStep;
    char block[2000];
    const std::int64_t got = host_->read(stream_.get(), block, sizeof block, deadline_ms_);
    if (got == SIGNET_IO_TIMEOUT) return "timed out";
    if (got <= 0) return "connection lost: " + std::string(View(host_->stream_why(stream_.get())));
    buffer_.append(block, static_cast<std::size_t>(got));
  }
}

std::string Connection::Ask(std::string_view line, Reply* reply) {
  if (!buffer_.empty() || host_->read_pending(stream_.get()) != 0) return kOutOfStep;
  const Secret octets(Join(line, "\r\n"));
  if (host_->write(stream_.get(), Text(octets.text), deadline_ms_) != SIGNET_IO_OK)
    return "connection lost: " + std::string(View(host_->stream_why(stream_.get())));
  return Read(reply);
}

std::string Connection::SayHello() {
  if (std::string why = Ask("EHLO " + query_.helo, &hello_); !why.empty()) return why;
  return hello_.code == 250 ? "" : Unexpected("EHLO", hello_);
}

std::string Connection::Open(signet_worker* worker) {
  if (std::string why = Connect(worker); !why.empty()) return why;
  if (query_.security == Security::kOnConnect)
    if (std::string why = StartTls(); !why.empty()) return why;
  Reply reply;
  if (std::string why = Read(&reply); !why.empty()) return why;
  if (reply.code != 220) return "the server greets with " + reply.Shown();
  if (std::string why = SayHello(); !why.empty()) return why;
  if (query_.security != Security::kStartTls) return "";
  std::string parameters;
  if (!Offers(hello_, "STARTTLS", &parameters)) return "the server does not offer STARTTLS";
  if (std::string why = Ask("STARTTLS", &reply); !why.empty()) return why;
  if (reply.code != 220) return Unexpected("STARTTLS", reply);
  if (host_->read_pending(stream_.get()) == 0) {
    if (std::string why = StartTls(); !why.empty()) return why;
    return SayHello();  // what was said in clear counts no more
  }
  return kOutOfStep;
}

// LOGIN asks for the name, then for the password, whatever the words of its challenges.
std::string Connection::Login(Reply* answer) {
  if (std::string why = Ask("AUTH LOGIN", answer); !why.empty()) return why;
  for (const Secret* word : {&query_.user, &query_.password}) {
    if (answer->code != 334) return Unexpected("AUTH LOGIN", *answer);
    const Secret line(EncodeBase64(word->text));
    if (std::string why = Ask(line.text, answer); !why.empty()) return why;
    // Some refuse a name that they do not know before they have heard the password.
    if (word == &query_.user && MeaningOf(*answer) == Meaning::kRefused) return "";
  }
  return "";
}

std::string Connection::Authenticate(Reply* answer) {
  std::string why;
  if (OffersMechanism(hello_, "PLAIN")) {
    const Secret token('\0' + query_.user.text + '\0' + query_.password.text);
    const Secret encoded(EncodeBase64(token.text));
    const Secret line(Join("AUTH PLAIN ", encoded.text));
    why = Ask(line.text, answer);
  } else if (OffersMechanism(hello_, "LOGIN")) {
    why = Login(answer);
  } else {
    return "the server offers neither AUTH PLAIN nor AUTH LOGIN";
  }
  if (why.empty()) host_->write(stream_.get(), Text("QUIT\r\n"), deadline_ms_);
  return why;
}

// --- the driver ----------------------------------------------------------------------------

struct State {
  signet_worker* worker;
};

signet_verdict Test(const signet_host* host, signet_worker* worker, const signet_lookup_call& call,
                    std::string* why) {
  Query query;
  if (*why = ReadQuery(View(call.query), &query); !why->empty()) return SIGNET_DEFER;
  // An empty password proves nothing, and a NUL ends a field of PLAIN.
  const auto is_bad = [](const Secret& word) {
    return word.text.empty() || word.text.find('\0') != std::string::npos;
  };
  if (is_bad(query.user) || is_bad(query.password)) return SIGNET_REJECT;
  Connection connection(host, query, call.deadline_ms);
  Reply answer;
  *why = connection.Open(worker);
  if (why->empty()) *why = connection.Authenticate(&answer);
  if (why->empty()) {
    const Meaning meaning = MeaningOf(answer);
    if (meaning != Meaning::kUnclear)
      return meaning == Meaning::kGood ? SIGNET_ACCEPT : SIGNET_REJECT;
    *why = "the server answers AUTH with " + answer.Shown();
  }
  *why = "SMTP server " + query.host + ":" + std::to_string(query.port) + ": " + *why;
  return SIGNET_DEFER;
}

signet_verdict Authenticate(const signet_host* host, void* state,
                            signet_lookup_call* call) noexcept {
  std::string why;
  const signet_verdict verdict = Test(host, static_cast<State*>(state)->worker, *call, &why);
  if (verdict == SIGNET_DEFER) host->answer(call, Text(why));
  return verdict;
}

// ${lookup smtpauth{…}}: found, and empty, where the server accepts the credentials.
signet_found Find(const signet_host* host, void* state, signet_lookup_call* call) noexcept {
  switch (Authenticate(host, state, call)) {
    case SIGNET_ACCEPT:
      return SIGNET_FOUND;
    case SIGNET_REJECT:
      return SIGNET_NOT_FOUND;
    default:
      return SIGNET_LATER;
  }
}

void* Open(const signet_host*, signet_worker* worker) noexcept { return new State{worker}; }
void Close(const signet_host*, void* state) noexcept { delete static_cast<State*>(state); }

// clang-format off
const signet_lookup_type kTypes[] = {
    {SIGNET_TEXT("smtpauth"), SIGNET_LOOKUP_NOT_KEPT | SIGNET_LOOKUP_CREDENTIALS, SIGNET_QUOTE_OWN,
     SIGNET_TEXT("empty, where another SMTP server accepts the user and password of the query"),
     SIGNET_TEXT(""), SIGNET_TEXT("user pass")},
};
// clang-format on

constexpr signet_lookup_driver MakeDriver() {
  signet_lookup_driver driver = signet::driver::LookupDriver("smtpauth", kTypes, Find);
  driver.open = Open;
  driver.close = Close;
  driver.authenticate = Authenticate;
  driver.quote = signet::driver::QuotePercent;
  return driver;
}
const signet_lookup_driver kDriver = MakeDriver();
const signet_lookup_driver* const kLookups[] = {&kDriver};
const signet_module kModule = signet::driver::LookupModule("smtpauth", kLookups);

}  // namespace

SIGNET_DRIVER_ENTRY(smtpauth) { return &kModule; }
