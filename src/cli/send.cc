// signet send: a message from standard input to a smart host.
#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

#include "src/base/file.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/cli/options.h"
#include "src/cli/report.h"
#include "src/engine/engine.h"
#include "src/smtp/received.h"
#include "src/submit/submit.h"

namespace signet::cli {
namespace {

constexpr char kSystemSettings[] = "/etc/signet/send.conf";
constexpr char kOwnSettings[] = "/.config/signet/send.conf";

int Complain(const std::string& what, int status = kUsage) {
  std::fprintf(stderr, "signet: %s\n", what.c_str());
  return status;
}

// --- who and where we are ------------------------------------------------------------------

struct Login {
  std::string name, full_name, home;
};

Login CurrentLogin() {
  Login login;
  std::array<char, 16 * 1024> memory;
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(getuid(), &entry, memory.data(), memory.size(), &found) == 0 && found != nullptr) {
    const std::string_view gecos = entry.pw_gecos;
    login = {entry.pw_name, std::string(gecos.substr(0, gecos.find(','))), entry.pw_dir};
  } else {
    login.name = std::to_string(getuid());
  }
  return login;
}

std::string ThisHost() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

// --- settings --------------------------------------------------------------------------------

struct Loaded {
  submit::Settings settings;
  std::vector<std::unique_ptr<SourceText>> texts;
  Diagnostics diagnostics;
};

// `wanted`: a file that must be there.
bool LoadFile(const std::string& path, bool wanted, Loaded* loaded) {
  if (!wanted && access(path.c_str(), F_OK) != 0 && errno == ENOENT) return true;
  Result<std::string, std::string> text = ReadRegularFile(path, limits::kSubmitSettingsMaxBytes);
  if (!text) {
    (void)Complain("cannot read " + path + ": " + text.error());
    return false;
  }
  loaded->texts.push_back(std::make_unique<SourceText>(path, std::move(text).value()));
  // A file that names hosts names all of them.
  submit::Settings own = loaded->settings;
  own.hosts.clear();
  submit::ReadSettings(*loaded->texts.back(), &own, &loaded->diagnostics);
  if (own.hosts.empty()) own.hosts = loaded->settings.hosts;
  loaded->settings = std::move(own);
  return true;
}

std::optional<submit::Settings> LoadSettings(const Arguments& arguments, const Login& login) {
  Loaded loaded;
  bool good = true;
  if (arguments.send_config_given) {
    good = LoadFile(arguments.config_file, true, &loaded);
  } else {
    good = LoadFile(kSystemSettings, false, &loaded);
    if (!login.home.empty()) good = LoadFile(login.home + kOwnSettings, false, &loaded) && good;
  }
  PrintDiagnostics(loaded.diagnostics);
  if (!good || HasErrors(loaded.diagnostics)) return std::nullopt;
  const bool hosts = std::any_of(arguments.settings.begin(), arguments.settings.end(),
                                 [](const auto& setting) { return setting.first == "host"; });
  if (hosts) loaded.settings.hosts.clear();
  for (const auto& [name, value] : arguments.settings) {
    const std::string wrong = submit::SetOne(name, value, &loaded.settings);
    if (wrong.empty()) continue;
    (void)Complain("--set " + name + ": " + wrong);
    return std::nullopt;
  }
  if (loaded.settings.hosts.empty()) {
    (void)Complain(std::string("no host to submit to: say \"host = NAME\" in ") +
                   (arguments.send_config_given ? arguments.config_file : kSystemSettings) +
                   " or --set host=NAME");
    return std::nullopt;
  }
  if (loaded.settings.domain.empty()) loaded.settings.domain = ThisHost();
  if (loaded.settings.helo.empty()) loaded.settings.helo = ThisHost();
  return loaded.settings;
}

// --- the message -----------------------------------------------------------------------------

// All of standard input.
Result<std::string, std::string> ReadInput() {
  std::string input;
  std::array<char, 64 * 1024> piece;
  while (true) {
    const ssize_t got = read(STDIN_FILENO, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Err{std::string("standard input: ") + std::strerror(errno)};
    if (got == 0) return input;
    input.append(piece.data(), static_cast<std::size_t>(got));
    if (input.size() > limits::kSubmitMessageMaxBytes)
      return Err{"the message is larger than " +
                 std::to_string(limits::kSubmitMessageMaxBytes / (1024 * 1024)) + " MiB"};
  }
}

Result<std::string, std::string> Sender(const Arguments& arguments,
                                        const submit::Settings& settings, const Login& login) {
  std::string text = arguments.sender_given ? arguments.sender : settings.from;
  if (arguments.sender_given && (text.empty() || text == "<>")) return std::string();
  if (text.empty()) text = login.name;
  return submit::ReadAddress(text, settings.domain);
}

Result<submit::Submission, std::string> ReadSubmission(const Arguments& arguments,
                                                       const submit::Settings& settings,
                                                       const Login& login,
                                                       const std::string& input) {
  submit::Submission submission;
  auto sender = Sender(arguments, settings, login);
  if (!sender) return Err{"sender " + sender.error()};
  submission.sender = std::move(sender).value();

  using enum submit::HeaderRecipients;
  submit::ComposeOptions options;
  options.dot_line = arguments.dot_is_text ? submit::DotLine::kText : submit::DotLine::kEnds;
  options.header_recipients = arguments.recipients_in_header ? kTake : kNot;
  options.sender =
      submission.sender.empty() ? "MAILER-DAEMON@" + settings.domain : submission.sender;
  options.full_name = arguments.full_name.empty() ? login.full_name : arguments.full_name;
  options.domain = settings.domain;
  options.now = std::chrono::system_clock::now();
  auto message = submit::Compose(input, options);
  if (!message) return Err{message.error()};
  submission.message = std::move(message).value();
  submission.recipients = std::move(submission.message.recipients);
  for (const std::string& operand : arguments.operands) {
    auto address = submit::ReadAddress(operand, settings.domain);
    if (!address) return Err{"recipient " + address.error()};
    auto& all = submission.recipients;
    if (std::find(all.begin(), all.end(), address.value()) == all.end())
      all.push_back(std::move(address).value());
  }
  if (submission.recipients.empty()) return Err{std::string("no recipient: name one, or say -t")};
  return submission;
}

// Adds the message to a mailbox file, so that what a job had to say is not gone.
void SaveFailed(const std::string& path, const std::string& sender, const std::string& input) {
  std::string text = "From " + (sender.empty() ? "MAILER-DAEMON" : sender) + ' ' +
                     smtp::MailDate(std::chrono::system_clock::now()) + '\n';
  for (std::size_t at = 0; at < input.size();) {
    const std::size_t end = std::min(input.find('\n', at), input.size());
    const std::string_view line = std::string_view(input).substr(at, end - at);
    text += (line.starts_with("From ") && at > 0 ? ">" : "") + std::string(line) + '\n';
    at = end + 1;
  }
  text += '\n';
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  bool good = fd >= 0 && flock(fd, LOCK_EX) == 0;
  for (std::string_view rest = text; good && !rest.empty();) {
    const ssize_t done = write(fd, rest.data(), rest.size());
    good = done >= 0 || errno == EINTR;
    if (done > 0) rest.remove_prefix(static_cast<std::size_t>(done));
  }
  if (good) {
    (void)Complain("the message was saved in " + path);
  } else {
    (void)Complain("the message could not be saved in " + path + ": " + std::strerror(errno));
  }
  if (fd >= 0) close(fd);
}

int StatusOf(const submit::Outcome& outcome) {
  switch (outcome.kind) {
    case submit::Outcome::kSent:
      return kGood;
    case submit::Outcome::kRefused:
      return kNo;
    case submit::Outcome::kLater:
      return kLater;
    case submit::Outcome::kSetup:
      break;
  }
  return kUsage;
}

submit::Outcome SubmitInLoop(const submit::Settings& settings, submit::Submission submission,
                             bool verbose) {
  submit::Trace trace;
  if (verbose)
    trace = [](std::string_view line) { std::fprintf(stderr, "%s\n", Printable(line).c_str()); };
  submit::Outcome outcome;
  engine::RunInLoop([&] { outcome = submit::Submit(settings, std::move(submission), trace); });
  return outcome;
}

int NotForUs(std::string_view what) {
  if (what == "-bp") (void)PrintText("Mail queue is empty\n");
  return kGood;
}

}  // namespace

int SendmailStatus(int status) {
  switch (status) {
    case kNo:
      return EX_UNAVAILABLE;
    case kUsage:
      return EX_USAGE;
    case kLater:
      return EX_TEMPFAIL;
    default:
      return status;
  }
}

int RunSend(const Arguments& arguments) {
  if (!arguments.not_for_us.empty()) return NotForUs(arguments.not_for_us);
  const Login login = CurrentLogin();
  const std::optional<submit::Settings> settings = LoadSettings(arguments, login);
  if (!settings) return kUsage;
  Result<std::string, std::string> input = ReadInput();
  if (!input) return Complain("nothing was sent: " + input.error(), kNo);
  const auto failed = [&](const std::string& why, const std::string& sender, int status) {
    const int result = Complain("nothing was sent: " + why, status);
    if (!settings->save_failed.empty()) SaveFailed(settings->save_failed, sender, input.value());
    return result;
  };
  auto submission = ReadSubmission(arguments, *settings, login, input.value());
  if (!submission) return failed(submission.error(), login.name, kNo);
  const std::string sender = submission.value().sender;
  const submit::Outcome outcome =
      SubmitInLoop(*settings, std::move(submission).value(), arguments.verbose);
  if (outcome.kind == submit::Outcome::kSent) return kGood;
  return failed(outcome.text, sender, StatusOf(outcome));
}

}  // namespace signet::cli
