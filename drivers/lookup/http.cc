// The lookup and condition `http`/`httpauth`: what a web server answers.
//
// libcurl does the work, on threads where it may block; its settings are made here in full,
// so that neither the environment nor files of an account have a say (rule C6).
#include <curl/curl.h>
#include <signet/driver_cpp.h>
#include <string.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <vector>

#include "drivers/lookup/http_query.h"
#include "drivers/lookup/settings.h"

namespace {

using signet::driver::Text;
using signet::driver::View;
using namespace signet::http;

constexpr std::size_t kHandlesKept = 8;  // of one worker, with their connections

struct EasyCloser {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using Easy = std::unique_ptr<CURL, EasyCloser>;

// A list of header lines, wiped when it goes.
class HeaderList {
 public:
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  ~HeaderList() {
    for (curl_slist* item = first_; item != nullptr; item = item->next)
      explicit_bzero(item->data, strlen(item->data));
    curl_slist_free_all(first_);
  }
  bool Add(const std::string& line) {
    curl_slist* longer = curl_slist_append(first_, line.c_str());
    if (longer != nullptr) first_ = longer;
    return longer != nullptr;
  }
  curl_slist* get() const { return first_; }

 private:
  curl_slist* first_ = nullptr;
};

// Main options.
struct Options {
  std::string ca_file, ca_directory;
  bool verify = true;
};

// One request and its answer. Made and read on the session's thread, run on another.
struct Exchange {
  CURL* handle = nullptr;
  const Query* query = nullptr;
  const Options* options = nullptr;
  long time_ms = 0;

  std::string body;
  std::size_t header_bytes = 0;
  bool body_too_long = false, headers_too_long = false, headers_ended = false;
  long status = 0;
  std::string why;  // "" where there is an answer
};

std::size_t TakeBody(char* data, std::size_t, std::size_t size, void* context) noexcept {
  auto* exchange = static_cast<Exchange*>(context);
  exchange->body_too_long = exchange->body.size() + size > kAnswerMaxBytes;
  if (exchange->body_too_long) return 0;  // ends the transfer
  exchange->body.append(data, size);
  return size;
}

// Gets each line of the headers, the empty one behind them too; those of a redirection or
// of a "100 Continue" go before those of the answer, trailers behind.
std::size_t TakeHeader(char* data, std::size_t, std::size_t size, void* context) noexcept {
  auto* exchange = static_cast<Exchange*>(context);
  const std::string_view line(data, size);
  if (line.starts_with("HTTP/")) exchange->headers_ended = false;
  if (line == "\r\n" || line == "\n") exchange->headers_ended = true;
  exchange->header_bytes += size;
  exchange->headers_too_long = exchange->header_bytes > kHeaderMaxBytes;
  return exchange->headers_too_long ? 0 : size;
}

// Options that curl was built without are what we want of them anyway; others must succeed.
class Setter {
 public:
  explicit Setter(CURL* handle) : handle_(handle) {}
  template <typename T>
  void Set(CURLoption option, T value) {
    const CURLcode code = curl_easy_setopt(handle_, option, value);
    if (code != CURLE_OK && code != CURLE_UNKNOWN_OPTION) failed_ = true;
  }
  template <typename T>
  void Must(CURLoption option, T value) {
    if (curl_easy_setopt(handle_, option, value) != CURLE_OK) failed_ = true;
  }
  bool failed() const { return failed_; }

 private:
  CURL* handle_;
  bool failed_ = false;
};

void SetWhere(Setter& set, const Query& query) {
  const bool tls = query.origin.starts_with("https:");
  set.Must(CURLOPT_URL, query.url.c_str());
  set.Must(CURLOPT_PROTOCOLS_STR, tls ? "https" : "http");
  set.Must(CURLOPT_REDIR_PROTOCOLS_STR, tls ? "https" : "http,https");
  set.Must(CURLOPT_FOLLOWLOCATION, query.redirects == 0 ? 0L : 1L);
  set.Must(CURLOPT_MAXREDIRS, static_cast<long>(query.redirects));
  set.Must(CURLOPT_PROXY, "");  // and none from the environment
  set.Must(CURLOPT_NOPROXY, "*");
  set.Set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set.Must(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set.Must(CURLOPT_HTTP09_ALLOWED, 0L);
}

void SetTls(Setter& set, const Options& options) {
  set.Must(CURLOPT_SSL_VERIFYPEER, options.verify ? 1L : 0L);
  set.Must(CURLOPT_SSL_VERIFYHOST, options.verify ? 2L : 0L);
  set.Must(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (options.ca_file.empty() && options.ca_directory.empty()) return;  // the system's
  set.Must(CURLOPT_CAINFO, options.ca_file.empty() ? nullptr : options.ca_file.c_str());
  set.Must(CURLOPT_CAPATH, options.ca_directory.empty() ? nullptr : options.ca_directory.c_str());
}

void SetRequest(Setter& set, const Query& query, const HeaderList& headers) {
  if (query.method == "HEAD") set.Must(CURLOPT_NOBODY, 1L);
  if (query.has_body) {
    set.Must(CURLOPT_POST, 1L);
    set.Must(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(query.body.size()));
    set.Must(CURLOPT_POSTFIELDS, query.body.c_str());
    if (query.method == "PUT") set.Must(CURLOPT_CUSTOMREQUEST, "PUT");
  }
  if (query.has_user) {
    set.Must(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    set.Must(CURLOPT_USERNAME, query.user.c_str());
    set.Must(CURLOPT_PASSWORD, query.password.c_str());
  }
  set.Must(CURLOPT_HTTPHEADER, headers.get());
  set.Set(CURLOPT_USERAGENT, "signet");
}

void SetLimits(Setter& set, Exchange* exchange) {
  set.Must(CURLOPT_NOSIGNAL, 1L);
  set.Set(CURLOPT_QUICK_EXIT, 1L);  // does not wait for a resolver that hangs
  set.Must(CURLOPT_TIMEOUT_MS, exchange->time_ms);
  set.Must(CURLOPT_CONNECTTIMEOUT_MS, exchange->time_ms);
  set.Must(CURLOPT_WRITEFUNCTION, TakeBody);
  set.Must(CURLOPT_WRITEDATA, exchange);
  set.Must(CURLOPT_HEADERFUNCTION, TakeHeader);
  set.Must(CURLOPT_HEADERDATA, exchange);
}

bool FillHeaders(const Query& query, HeaderList* headers) {
  bool good = headers->Add("Expect:");  // no waiting for "100 Continue"
  if (query.has_body) good = headers->Add("Content-Type: " + query.content_type) && good;
  for (const std::string& header : query.headers) good = headers->Add(header) && good;
  return good;
}

std::string WhyNot(const Exchange& exchange, CURLcode code) {
  if (exchange.body_too_long)
    return "the answer is longer than " + std::to_string(kAnswerMaxBytes) + " octets";
  if (exchange.headers_too_long)
    return "the headers of the answer are longer than " + std::to_string(kHeaderMaxBytes) +
           " octets";
  if (code == CURLE_OPERATION_TIMEDOUT) return "timed out";
  return curl_easy_strerror(code);
}

void Perform(Exchange* exchange) {
  curl_easy_reset(exchange->handle);  // its connections stay
  HeaderList headers;
  Setter set(exchange->handle);
  const bool filled = FillHeaders(*exchange->query, &headers);
  SetWhere(set, *exchange->query);
  SetTls(set, *exchange->options);
  SetRequest(set, *exchange->query, headers);
  SetLimits(set, exchange);
  if (!filled || set.failed()) {
    exchange->why = "libcurl does not take the request";
    return;
  }
  const CURLcode code = curl_easy_perform(exchange->handle);
  if (code != CURLE_OK)
    exchange->why = WhyNot(*exchange, code);
  else if (!exchange->headers_ended)  // to curl that is an answer
    exchange->why = "the answer ends inside its headers";
  else
    curl_easy_getinfo(exchange->handle, CURLINFO_RESPONSE_CODE, &exchange->status);
  curl_easy_reset(exchange->handle);  // nothing of the query stays in it
}

// --- the driver ----------------------------------------------------------------------------

// How many requests run now, in all workers: threads that may block are few, and others need
// some too.
std::atomic<std::size_t> at_once{0};

class State {
 public:
  State(const signet_host* host, signet_worker* worker)
      : host_(host), worker_(worker), freed_(host, worker) {
    options_.ca_file = Option("http_ca_cert_file");
    options_.ca_directory = Option("http_ca_cert_dir");
    const std::string require = Option("http_require_cert");
    options_.verify = require != "never";
  }

  // Runs a query; `*exchange` has its answer, or why there is none.
  void Run(const Query& query, std::int64_t deadline_ms, Exchange* exchange);

 private:
  std::string Option(const char* name) const {
    signet_text text;
    return host_->main_option(worker_, Text(name), &text) != 0 ? std::string(View(text)) : "";
  }
  bool Enter(std::int64_t deadline_ms);
  void Leave() {
    at_once.fetch_sub(1);
    freed_.Signal();
  }

  const signet_host* host_;
  signet_worker* worker_;
  signet::driver::Event freed_;
  Options options_;
  std::vector<Easy> idle_;
};

// Waits for a place. Those that another worker frees are not signalled here, so this looks
// again now and then.
bool State::Enter(std::int64_t deadline_ms) {
  constexpr std::int64_t kLookAgainMs = 50;
  for (;;) {
    std::size_t now = at_once.load();
    while (now < kAtOnce)
      if (at_once.compare_exchange_weak(now, now + 1)) return true;
    const std::int64_t time_ms = host_->now_ms();
    if (time_ms >= deadline_ms) return false;
    const signet_io waited = freed_.Wait(std::min(deadline_ms, time_ms + kLookAgainMs));
    if (waited != SIGNET_IO_OK && waited != SIGNET_IO_TIMEOUT) return false;
  }
}

void State::Run(const Query& query, std::int64_t deadline_ms, Exchange* exchange) {
  if (!Enter(deadline_ms)) {
    exchange->why = "timed out while other requests are under way";
    return;
  }
  Easy handle;
  if (!idle_.empty()) {
    handle = std::move(idle_.back());
    idle_.pop_back();
  } else {
    handle.reset(curl_easy_init());
  }
  exchange->handle = handle.get();
  exchange->query = &query;
  exchange->options = &options_;
  exchange->time_ms = static_cast<long>(deadline_ms - host_->now_ms());
  if (handle == nullptr)
    exchange->why = "libcurl cannot be used";
  else if (exchange->time_ms <= 0)
    exchange->why = "timed out";
  else
    signet::driver::Blocking(host_, worker_, [exchange] { Perform(exchange); });
  Leave();
  if (handle != nullptr && idle_.size() < kHandlesKept) idle_.push_back(std::move(handle));
}

struct Answer {
  signet_found found = SIGNET_LATER;
  std::string text;  // what was found, or why nothing can be said
};

// 2xx is found. "No such thing" and "not you" are not found; all else is trouble.
Answer Ask(const signet_host* host, State* state, signet_lookup_call* call) {
  Query query;
  if (std::string why = ParseQuery(View(call->query), View(call->options), &query); !why.empty())
    return {SIGNET_LATER, std::move(why)};
  // What may do something, or holds credentials, is asked each time.
  if (query.has_body || query.has_user || !query.headers.empty()) host->changed(call);
  // An empty password proves nothing, wherever it would be tested.
  if (query.has_password && (query.user.empty() || query.password.empty()))
    return {SIGNET_NOT_FOUND, ""};
  const auto has_nul = [](const std::string& text) { return text.find('\0') != text.npos; };
  if (has_nul(query.user) || has_nul(query.password)) return {SIGNET_NOT_FOUND, ""};
  if (query.user.find(':') != std::string::npos) return {SIGNET_NOT_FOUND, ""};  // RFC 7617 2
  Exchange exchange;
  state->Run(query, call->deadline_ms, &exchange);
  if (!exchange.why.empty()) return {SIGNET_LATER, query.origin + ": " + exchange.why};
  if (exchange.status / 100 == 2) return {SIGNET_FOUND, std::move(exchange.body)};
  for (const long none : {401L, 403L, 404L, 410L})
    if (exchange.status == none) return {SIGNET_NOT_FOUND, ""};
  return {SIGNET_LATER, query.origin + ": the server answers " + std::to_string(exchange.status)};
}

signet_found Find(const signet_host* host, void* state, signet_lookup_call* call) noexcept {
  constexpr std::uint32_t kTest = 1;  // httpauth, the second row of kTypes
  const Answer answer = Ask(host, static_cast<State*>(state), call);
  const bool silent = call->type == kTest && answer.found == SIGNET_FOUND;
  host->answer(call, Text(silent ? std::string_view() : answer.text));
  return answer.found;
}

signet_verdict Authenticate(const signet_host* host, void* state,
                            signet_lookup_call* call) noexcept {
  const Answer answer = Ask(host, static_cast<State*>(state), call);
  if (answer.found == SIGNET_FOUND) return SIGNET_ACCEPT;
  if (answer.found == SIGNET_NOT_FOUND) return SIGNET_REJECT;
  host->answer(call, Text(answer.text));
  return SIGNET_DEFER;
}

void* Open(const signet_host* host, signet_worker* worker) noexcept {
  return new State(host, worker);
}
void Close(const signet_host*, void* state) noexcept { delete static_cast<State*>(state); }

// clang-format off
const signet_option kOptions[] = {
    {SIGNET_TEXT("http_ca_cert_file"), SIGNET_OPTION_TEXT, 0, {}, {},
     SIGNET_TEXT("PEM file of the CAs that may issue the certificate of a server of https lookups")},
    {SIGNET_TEXT("http_ca_cert_dir"), SIGNET_OPTION_TEXT, 0, {}, {},
     SIGNET_TEXT("directory of such PEM files, by hash")},
    {SIGNET_TEXT("http_require_cert"), SIGNET_OPTION_TEXT, 0, {}, SIGNET_TEXT("demand"),
     SIGNET_TEXT("demand: a server's certificate must verify; never: any will do"),
     SIGNET_TEXT("never"),
     SIGNET_TEXT("whoever stands between here and a web server can answer in its name (weakens rule T14)")},
};

constexpr char kWhere[] = "user pass post json header /";
const signet_lookup_type kTypes[] = {
    {SIGNET_TEXT("http"), 0, SIGNET_QUOTE_OWN, SIGNET_TEXT("the body of a web server's answer"),
     SIGNET_TEXT("method= redirects="), {kWhere, sizeof kWhere - 1}},
    {SIGNET_TEXT("httpauth"), SIGNET_LOOKUP_NOT_KEPT | SIGNET_LOOKUP_CREDENTIALS, SIGNET_QUOTE_OWN,
     SIGNET_TEXT("empty, where a web server accepts the credentials of the query"),
     SIGNET_TEXT("method= redirects="), {kWhere, sizeof kWhere - 1}},
};
// clang-format on

constexpr signet_lookup_driver MakeDriver() {
  signet_lookup_driver driver = signet::driver::LookupDriver("http", kTypes, Find);
  driver.main_options = kOptions;
  driver.main_option_count = sizeof kOptions / sizeof kOptions[0];
  driver.main_option_size = sizeof kOptions[0];
  driver.open = Open;
  driver.close = Close;
  driver.authenticate = Authenticate;
  driver.quote = signet::driver::QuotePercent;
  return driver;
}
const signet_lookup_driver kDriver = MakeDriver();
const signet_lookup_driver* const kLookups[] = {&kDriver};
const signet_module kModule = signet::driver::LookupModule("http", kLookups);

}  // namespace

// libcurl is initialised here, before there are threads.
SIGNET_DRIVER_ENTRY(http) {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return ready ? &kModule : nullptr;
}
