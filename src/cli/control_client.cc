#include "src/cli/control_client.h"

#include <jansson.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/cli/modules.h"
#include "src/cli/terminal.h"

namespace signet::cli {
namespace {

class Connection {
 public:
  explicit Connection(std::chrono::seconds wait) : wait_(wait) {}
  ~Connection() {
    if (fd_ >= 0) ::close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // 0, or what the system says.
  int Open(const std::string& path) {
    sockaddr_un address{};
    if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto* where = reinterpret_cast<const sockaddr*>(&address);
    return fd_ >= 0 && ::connect(fd_, where, sizeof address) == 0 ? 0 : errno;
  }
  void Say(std::string_view text) { (void)!::send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }
  // All until its end. False: nothing came for too long.
  bool ReadAll(std::string* text) {
    char block[64 * 1024];
    while (true) {
      pollfd waiting{fd_, POLLIN, 0};
      const auto ms = std::chrono::milliseconds(wait_).count();
      if (::poll(&waiting, 1, static_cast<int>(ms)) <= 0) return false;
      const ssize_t got = ::read(fd_, block, sizeof block);
      if (got <= 0) return true;
      text->append(block, static_cast<std::size_t>(got));
      if (text->size() > limits::kControlAnswerBytes) return true;
    }
  }

 private:
  std::chrono::seconds wait_;
  int fd_ = -1;
};

std::string WhyNot(int error) {
  switch (error) {
    case ENOENT:
    case ECONNREFUSED:
      return "no server listens there. Is it running, and was it started or reloaded since "
             "control_socket was set?";
    case EACCES:
      return "permission denied: only root and the user that the server runs as may ask it";
    default:
      return std::strerror(error);
  }
}

}  // namespace

void JsonDeleter::operator()(json_t* json) const { json_decref(json); }

Result<std::string, std::string> ControlPath(const Arguments& arguments) {
  if (!arguments.socket.empty()) return arguments.socket;
  const std::unique_ptr<drivers::Registry> registry = MakeRegistry(arguments);
  if (registry == nullptr) return Err{std::string("--socket PATH asks without a configuration")};
  const config::Loaded loaded = config::Load(arguments.config_file, arguments.macros, *registry);
  const config::Config* known = loaded.config ? loaded.config.get() : loaded.partial.get();
  if (known == nullptr)
    return Err{"cannot read " + Printable(arguments.config_file) +
               " for its control_socket; --socket PATH asks without it"};
  if (!loaded.config && known->main.control_socket.text.empty())
    return Err{"cannot read " + Printable(arguments.config_file) + " for its control_socket: " +
               Summary(loaded.diagnostics.front()) + "; -C FILE names another"};
  if (known->main.control_socket.text.empty())
    return Err{"control_socket is not set in " + Printable(arguments.config_file) +
               ": set it, and let the server load its configuration (SIGHUP)"};
  return known->main.control_socket.text;
}

Result<JsonPtr, std::string> AskServer(const std::string& path, const std::string& request,
                                       std::chrono::seconds wait) {
  const std::string where = "control socket " + Printable(path) + ": ";
  Connection connection(wait);
  if (const int error = connection.Open(path); error != 0) return Err{where + WhyNot(error)};
  connection.Say(request + '\n');
  std::string text;
  if (!connection.ReadAll(&text)) return Err{where + "the server does not answer"};
  if (text.empty())
    return Err{where +
               "the server has closed the connection: it answers root and its own user "
               "only, or it has just ended"};
  JsonPtr json(json_loadb(text.data(), text.size(), 0, nullptr));
  if (!json_is_object(json.get())) return Err{where + "the answer is cut off, or none of Signet's"};
  return json;
}

JsonPtr AskServer(const Arguments& arguments, const std::string& request, int* status,
                  std::chrono::seconds wait) {
  const auto complain = [&](int as, const std::string& text) {
    *status = ComplainWrapped(as, text);
    return JsonPtr();
  };
  const auto path = ControlPath(arguments);
  if (!path) return complain(kUsage, path.error());
  auto answer = AskServer(path.value(), request, wait);
  if (!answer) return complain(kNo, answer.error());
  return std::move(answer).value();
}

int ComplainWrapped(int status, std::string_view text) {
  for (const std::string& line : Wrap("signet: " + std::string(text), kColumns))
    std::fprintf(stderr, "%s\n", line.c_str());
  return status;
}

std::string WithoutControls(std::string text) {
  for (char& c : text)
    if (IsControl(c)) c = '?';
  return text;
}

std::string TextIn(const json_t* object, const char* name) {
  const json_t* value = json_object_get(object, name);
  return json_is_string(value) ? std::string(json_string_value(value), json_string_length(value))
                               : std::string();
}

std::int64_t NumberIn(const json_t* object, const char* name) {
  return json_integer_value(json_object_get(object, name));
}

std::string Indented(const json_t* json) {
  char* text = json_dumps(json, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
  SIGNET_CHECK(text != nullptr);
  std::string out = std::string(text) + '\n';
  std::free(text);
  return out;
}

std::string LocalTime(std::int64_t seconds) {
  const std::time_t time = static_cast<std::time_t>(seconds);
  std::tm local{};
  localtime_r(&time, &local);
  char text[40];
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &local));
}

}  // namespace signet::cli
