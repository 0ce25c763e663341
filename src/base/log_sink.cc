#include "src/base/log_sink.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <utility>

#include "src/base/limits.h"

namespace signet::logging {
namespace {

// --- files ----------------------------------------------------------------------------------

// Writes a line to a descriptor, whatever it is, and waits where a pipe is full.
class LineWriter {
 public:
  LineWriter(const std::atomic<bool>& patient, const std::atomic<bool>& give_up)
      : patient_(patient), give_up_(give_up) {}

  // How much of the line went out. A pipe that can be written takes PIPE_BUF octets
  // without waiting; regular files always can.
  std::size_t Write(int fd, std::string_view line) {
    std::size_t done = 0;
    while (done < line.size()) {
      if (!Writable(fd)) return done;
      const std::string_view piece = line.substr(done, PIPE_BUF);
      const ssize_t written = ::write(fd, piece.data(), piece.size());
      if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (written <= 0) return done;
      done += static_cast<std::size_t>(written);
    }
    return done;
  }

 private:
  bool Writable(int fd) const {
    constexpr int kLookMs = 100;
    constexpr int kLooksShort = 10;
    for (int looks = 0; patient_ || looks < kLooksShort; ++looks) {
      pollfd one{fd, POLLOUT, 0};
      const int ready = ::poll(&one, 1, kLookMs);
      if (ready > 0) return true;
      if (ready < 0 && errno != EINTR) return false;
      if (give_up_) break;
    }
    errno = EAGAIN;
    return false;
  }
  const std::atomic<bool>& patient_;
  const std::atomic<bool>& give_up_;
};

// One log file, opened for appending when first written, or standard error. A file that was
// moved away, or removed, is noticed within a second even if nobody says so.
class LogFile {
 public:
  LogFile() = default;
  ~LogFile() { Close(); }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  // "" is standard error. Returns 0 or an error number.
  int Write(const std::string& path, std::string line, LineWriter& writer, std::time_t now) {
    if (path != path_) Close();
    path_ = path;
    if (now != looked_) CheckMoved(now);
    const int fd = path_.empty() ? STDERR_FILENO : Open();
    if (fd < 0) return errno;
    if (broken_line_) line.insert(0, 1, '\n');
    const std::size_t done = writer.Write(fd, line);
    if (done == line.size()) {
      broken_line_ = false;
      return 0;
    }
    const int error = errno;
    // What was begun is not a line: the next one must not continue it.
    if (done > 0) broken_line_ = true;
    return error == 0 ? EIO : error;
  }

  void Close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    broken_line_ = false;
  }

 private:
  int Open() {
    // A FIFO without a reader is an error, not a reason to wait.
    constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    if (fd_ < 0) fd_ = ::open(path_.c_str(), kFlags, 0640);
    return fd_;
  }
  void CheckMoved(std::time_t now) {
    looked_ = now;
    if (fd_ < 0) return;
    struct stat there {
    }, here{};
    const bool same = ::stat(path_.c_str(), &there) == 0 && ::fstat(fd_, &here) == 0 &&
                      there.st_dev == here.st_dev && there.st_ino == here.st_ino;
    if (!same) Close();
  }

  std::string path_;
  int fd_ = -1;
  bool broken_line_ = false;
  std::time_t looked_ = 0;
};

void Replace(std::string* text, std::string_view what, const std::string& with) {
  for (std::size_t at = text->find(what); at != text->npos; at = text->find(what, at + with.size()))
    text->replace(at, what.size(), with);
}

std::string WithDates(std::string path, std::time_t time) {
  if (path.find('%') == path.npos) return path;
  std::tm local{};
  localtime_r(&time, &local);
  char day[16];
  (void)std::strftime(day, sizeof day, "%Y%m%d", &local);
  Replace(&path, "%D", day);
  day[6] = '\0';
  Replace(&path, "%M", day);
  return path;
}

// Whether standard error is the journal's: then it takes a priority in front of each line.
bool StderrIsJournal() {
  const char* said = std::getenv("JOURNAL_STREAM");
  struct stat here {};
  if (said == nullptr || ::fstat(STDERR_FILENO, &here) != 0) return false;
  const std::string is = std::to_string(here.st_dev) + ':' + std::to_string(here.st_ino);
  return is == said;
}

// Priorities as Exim gives them to its three logs.
int PriorityOf(unsigned which) {
  if ((which & kPanic) != 0) return LOG_ALERT;
  return (which & kReject) != 0 ? LOG_NOTICE : LOG_INFO;
}

// A line of a message's header: a tab at its begin is what a continuation line begins with.
std::string HeaderLine(std::string_view line) {
  const bool tab = line.starts_with('\t');
  return (tab ? "\t" : "") + Printable(line.substr(tab ? 1 : 0));
}

class FileSink : public Sink {
 public:
  FileSink(Log::Paths paths, Log::Form form)
      : paths_(std::move(paths)), form_(form), writer_(patient_, give_up_) {
    journal_ = (paths_.main.empty() || paths_.panic.empty()) && StderrIsJournal();
  }

  bool Write(const Entry& entry) override {
    if (reopen_.exchange(false))
      for (LogFile* file : {&main_, &reject_, &panic_}) file->Close();
    bool good = true;
    const std::string* before = nullptr;
    for (Which which : kAll) {
      if ((entry.which & which) == 0) continue;
      // What goes to two logs that are one file is written once.
      const std::string& path = PathOf(which);
      if (before != nullptr && *before == path) continue;
      before = &path;
      const int error = FileOf(which).Write(WithDates(path, entry.time.tv_sec),
                                            TextOf(entry, which, path), writer_, entry.time.tv_sec);
      if (error == 0) continue;
      good = false;
      problem_ = (path.empty() ? "standard error" : path) + ": " + std::strerror(error);
    }
    return good;
  }

 private:
  const std::string& PathOf(Which which) const {
    return which == kMain ? paths_.main : which == kReject ? paths_.reject : paths_.panic;
  }
  LogFile& FileOf(Which which) {
    return which == kMain ? main_ : which == kReject ? reject_ : panic_;
  }
  std::string TextOf(const Entry& entry, Which which, const std::string& path) const {
    const std::string priority =
        journal_ && path.empty() ? '<' + std::to_string(PriorityOf(entry.which)) + '>' : "";
    if (form_ == Log::Form::kJson) return priority + JsonOf(entry) + '\n';
    std::string text = priority + StampOf(entry) + OneLine(entry.event.text) + '\n';
    // The header of a refused message is for the reject log, where that is one of its own.
    if (which == kReject && path != paths_.main)
      for (const std::string& line : entry.event.header) text += HeaderLine(line) + '\n';
    return text;
  }

  const Log::Paths paths_;
  const Log::Form form_;
  bool journal_ = false;
  LogFile main_, reject_, panic_;
  LineWriter writer_;
};

// --- syslog --------------------------------------------------------------------------------------

constexpr std::size_t kSyslogPieceBytes = 870;  // RFC 3164 has 1024 with everything around it

class SyslogSink : public Sink {
 public:
  explicit SyslogSink(const Log::Syslog& options) : options_(options) {}

  bool Write(const Entry& entry) override {
    Open();
    bool sent = false;
    // The most serious first: without duplication that is the only one.
    for (Which which : {kPanic, kReject, kMain}) {
      if ((entry.which & which) == 0 || (sent && !options_.duplication)) continue;
      Send(entry, which);
      sent = true;
    }
    return true;
  }

 private:
  void Send(const Entry& entry, Which which) const {
    std::vector<std::string> lines = {(options_.stamp ? StampOf(entry) : Bare(entry)) +
                                      OneLine(entry.event.text)};
    if (which == kReject)
      for (const std::string& line : entry.event.header) lines.push_back(HeaderLine(line));
    for (const std::string& piece : SyslogPieces(lines))
      ::syslog(PriorityOf(which), "%s", piece.c_str());
  }
  // With the first line, because it may wait for what is being sent. The library keeps the
  // name's address: names are kept, too.
  void Open() {
    if (std::exchange(open_, true)) return;
    static std::mutex mutex;
    static std::deque<std::string> names;
    std::lock_guard lock(mutex);
    names.push_back(options_.name);
    const int facility = options_.facility < 0 ? LOG_MAIL : options_.facility;
    ::openlog(names.back().c_str(), (options_.pid ? LOG_PID : 0) | LOG_NDELAY, facility);
  }
  static std::string Bare(const Entry& entry) {
    return entry.stamp.pid ? '[' + std::to_string(::getpid()) + "] " : "";
  }
  const Log::Syslog options_;
  bool open_ = false;
};

}  // namespace

std::string_view NameOf(Which which) {
  return which == kMain ? "main" : which == kReject ? "reject" : "panic";
}

std::size_t Entry::bytes() const {
  std::size_t total = sizeof(Entry) + 2 * event.text.size();
  for (const std::string& line : event.header) total += 64 + line.size();
  return total + 64 * event.facts.size();
}

std::string StampOf(const Entry& entry) {
  std::tm local{};
  localtime_r(&entry.time.tv_sec, &local);
  char text[48];
  std::string out(text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &local));
  if (entry.stamp.millisec)
    out.append(text,
               static_cast<std::size_t>(std::snprintf(
                   text, sizeof text, ".%03d", static_cast<int>(entry.time.tv_nsec / 1'000'000))));
  if (entry.stamp.zone) out.append(text, std::strftime(text, sizeof text, " %z", &local));
  if (entry.stamp.pid) out += " [" + std::to_string(::getpid()) + ']';
  return out + ' ';
}

std::vector<std::string> SyslogPieces(const std::vector<std::string>& lines) {
  struct Piece {
    std::string text;
    bool begins_line;
  };
  std::vector<Piece> pieces;
  for (const std::string& line : lines) {
    std::string_view rest = line;
    bool begins = true;
    do {
      std::size_t end = std::min(rest.size(), kSyslogPieceBytes);
      while (end < rest.size() && end > 1 && (static_cast<unsigned char>(rest[end]) & 0xc0) == 0x80)
        --end;
      pieces.push_back({std::string(rest.substr(0, end)), begins});
      rest.remove_prefix(end);
      begins = false;
    } while (!rest.empty());
  }
  std::vector<std::string> out;
  const std::string total = std::to_string(pieces.size());
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    // The first piece begins a line too; its mark is a slash, as in Exim.
    const char mark = i > 0 && pieces[i].begins_line ? '\\' : '/';
    const std::string number = '[' + std::to_string(i + 1) + mark + total + "] ";
    out.push_back((pieces.size() > 1 ? number : "") + pieces[i].text);
  }
  return out;
}

std::unique_ptr<Sink> MakeFilesSink(const Log::Paths& paths) {
  return std::make_unique<FileSink>(paths, Log::Form::kExim);
}

std::unique_ptr<Sink> MakeSink(const Log::Place& place, const Log::Setup& setup) {
  if (place.kind == Log::Place::Kind::kSyslog) return std::make_unique<SyslogSink>(setup.syslog);
  Log::Paths paths;
  if (place.kind == Log::Place::Kind::kFile)
    for (Which which : kAll) {
      std::string path = place.path;
      Replace(&path, "%s", std::string(NameOf(which)));
      (which == kMain ? paths.main : which == kReject ? paths.reject : paths.panic) = path;
    }
  return std::make_unique<FileSink>(std::move(paths), place.form);
}

}  // namespace signet::logging
