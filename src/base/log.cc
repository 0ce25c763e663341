#include "src/base/log.h"

#include <fcntl.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <mutex>

#include "src/base/limits.h"
#include "src/base/text.h"

namespace signet {
namespace {

// One log file, opened for appending when first written, or standard error.
class LogFile {
 public:
  explicit LogFile(std::string path) : path_(std::move(path)) {}
  ~LogFile() { Close(); }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  bool is_stderr() const { return path_.empty(); }

  bool Write(std::string_view line) {
    int fd = is_stderr() ? STDERR_FILENO : Open();
    if (fd < 0) return false;
    while (!line.empty()) {
      ssize_t written = ::write(fd, line.data(), line.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      line.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
  }

  void Close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int Open() {
    if (fd_ < 0) fd_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    return fd_;
  }
  std::string path_;
  int fd_ = -1;
};

std::string StampOf(Log::Stamp form) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  std::tm local{};
  localtime_r(&now.tv_sec, &local);
  char text[48];
  std::string out(text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &local));
  if (form.millisec)
    out.append(text, static_cast<std::size_t>(std::snprintf(
                         text, sizeof text, ".%03d", static_cast<int>(now.tv_nsec / 1'000'000))));
  if (form.zone) out.append(text, std::strftime(text, sizeof text, " %z", &local));
  if (form.pid) out += " [" + std::to_string(::getpid()) + ']';
  return out + ' ';
}

}  // namespace

struct Log::Rep {
  explicit Rep(const Paths& p) : main(p.main), reject(p.reject), panic(p.panic) {}
  std::mutex mutex;  // guards all below; a log line is short and written at once
  LogFile main, reject, panic;
  Stamp stamp;
  std::uint64_t lost = 0;

  void WriteLine(LogFile& file, std::string_view text) {
    if (lost > 0 && file.Write(StampOf(stamp) + std::to_string(lost) + " log lines were lost\n"))
      lost = 0;
    std::string line = StampOf(stamp);
    line += text;
    line += '\n';
    if (!file.Write(line)) ++lost;
  }
};

std::string Printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    auto c = static_cast<unsigned char>(text.front());
    std::size_t length = Utf8SequenceLength(text);
    // U+0080–U+009F are controls, U+2028/9 line separators, U+202A–E and U+2066–9 turn
    // the reading direction: none of them may reach a terminal or a log reader.
    bool hidden = (length == 2 && c == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0) ||
                  (length == 3 && c == 0xe2 && text[1] == '\x80' &&
                   static_cast<unsigned char>(text[2]) >= 0xa8 &&
                   static_cast<unsigned char>(text[2]) <= 0xae) ||
                  (length == 3 && c == 0xe2 && text[1] == '\x81' &&
                   static_cast<unsigned char>(text[2]) >= 0xa6 &&
                   static_cast<unsigned char>(text[2]) <= 0xa9);
    if (length > 1 && !hidden) {
      out += text.substr(0, length);
      text.remove_prefix(length);
      continue;
    }
    text.remove_prefix(1);
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\\') {
      out += "\\\\";
    } else if (c < 0x20 || c >= 0x7f) {
      out += '\\';
      out += static_cast<char>('0' + (c >> 6));
      out += static_cast<char>('0' + (c >> 3 & 7));
      out += static_cast<char>('0' + (c & 7));
    } else {
      out += static_cast<char>(c);
    }
  }
  return out;
}

namespace {

// A line for the log: one line, printable, bounded. Text that callers escaped already
// passes unchanged: only what Printable would escape and is no backslash is escaped here.
std::string OneLine(std::string_view text) {
  std::string out;
  std::size_t from = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] != '\\') continue;
    out += Printable(text.substr(from, i - from));
    if (i < text.size()) out += '\\';
    from = i + 1;
  }
  if (out.size() > limits::kLogLineMaxBytes) {
    std::size_t cut = limits::kLogLineMaxBytes;
    while (cut > 0 && (static_cast<unsigned char>(out[cut]) & 0xc0) == 0x80) --cut;
    out.resize(cut);
    out += " [line cut]";
  }
  return out;
}

}  // namespace

Log::Log(Paths paths) : rep_(std::make_unique<Rep>(paths)) {}
Log::~Log() = default;

void Log::SetStamp(Stamp stamp) {
  std::lock_guard lock(rep_->mutex);
  rep_->stamp = stamp;
}

void Log::Main(std::string_view text) {
  std::string line = OneLine(text);
  std::lock_guard lock(rep_->mutex);
  rep_->WriteLine(rep_->main, line);
}

void Log::Reject(std::string_view text) {
  std::string line = OneLine(text);
  std::lock_guard lock(rep_->mutex);
  rep_->WriteLine(rep_->reject, line);
}

void Log::MainAndReject(std::string_view text) {
  std::string line = OneLine(text);
  std::lock_guard lock(rep_->mutex);
  rep_->WriteLine(rep_->main, line);
  if (!(rep_->main.is_stderr() && rep_->reject.is_stderr())) rep_->WriteLine(rep_->reject, line);
}

void Log::MainAndReject(const LogEvent& event) {
  MainAndReject(event.text);
  if (event.header.empty()) return;
  std::string block;
  for (const std::string& header : event.header) block += Printable(header) + '\n';
  std::lock_guard lock(rep_->mutex);
  if (!rep_->reject.is_stderr() && !rep_->reject.Write(block)) ++rep_->lost;
}

void Log::Panic(std::string_view text) {
  std::string line = OneLine(text);
  std::lock_guard lock(rep_->mutex);
  rep_->WriteLine(rep_->main, line);
  if (!(rep_->main.is_stderr() && rep_->panic.is_stderr())) rep_->WriteLine(rep_->panic, line);
}

void Log::Reopen() {
  std::lock_guard lock(rep_->mutex);
  rep_->main.Close();
  rep_->reject.Close();
  rep_->panic.Close();
}

}  // namespace signet
