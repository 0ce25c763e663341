#include "src/base/log.h"

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <mutex>
#include <thread>

#include "src/base/limits.h"
#include "src/base/log_lost.h"
#include "src/base/log_sink.h"
#include "src/base/text.h"

namespace signet {
namespace {

using logging::Entry;
using logging::Sink;
using EntryPtr = std::shared_ptr<const Entry>;

// Of all logs, and for good: those of writers are told to the log, and forgotten then.
std::atomic<std::uint64_t> all_lost{0};

// One place and what waits to be written there.
class Writer {
 public:
  explicit Writer(std::unique_ptr<Sink> sink) : sink_(std::move(sink)) {}

  // With a thread: queues. Without: writes.
  void Put(const EntryPtr& entry) {
    std::lock_guard lock(mutex_);
    if (!running_) return WriteNow(*entry);
    if (queued_bytes_ > limits::kLogQueueBytes) {
      ++dropped_;
      ++all_lost;
      return;
    }
    PushDropped(*entry);
    Push(entry);
  }

  // The thread keeps the writer alive: a disk that hangs for ever must not keep the process.
  static void Start(const std::shared_ptr<Writer>& writer) {
    {
      std::lock_guard lock(writer->mutex_);
      writer->running_ = true;
    }
    writer->sink_->BePatient();
    std::thread([writer] { writer->Run(); }).detach();
  }

  void Stop() {
    std::unique_lock lock(mutex_);
    if (!running_) return;
    if (!queue_.empty()) PushDropped(*queue_.back());
    stopping_ = true;
    wake_.notify_one();
    if (done_.wait_for(lock, limits::kLogDrain, [this] { return !running_; })) return;
    sink_->GiveUp();
    done_.wait_for(lock, limits::kLogDrain, [this] { return !running_; });
  }

  void Reopen() { sink_->Reopen(); }

 private:
  void Push(EntryPtr entry) {
    queued_bytes_ += entry->bytes();
    queue_.push_back(std::move(entry));
    wake_.notify_one();
  }
  // Said where the lines are missing.
  void PushDropped(const Entry& like) {
    if (dropped_ > 0) Push(std::make_shared<Entry>(LostLines(dropped_, like)));
    dropped_ = 0;
  }

  void Run() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty() || given_up_) break;
      const EntryPtr entry = std::move(queue_.front());
      queue_.pop_front();
      queued_bytes_ -= entry->bytes();
      const std::uint64_t lost = lost_;
      lock.unlock();
      const bool said = lost == 0 || SayLost(lost, *entry);
      const bool good = said && sink_->Write(*entry);
      lock.lock();
      if (said) lost_ -= lost;
      Judge(good);
      given_up_ = stopping_ && !good;
    }
    running_ = false;
    done_.notify_all();
  }

  void WriteNow(const Entry& entry) {
    const bool said = lost_ == 0 || SayLost(lost_, entry);
    if (said) lost_ = 0;
    Judge(said && sink_->Write(entry));
  }

  bool SayLost(std::uint64_t lost, const Entry& like) {
    return sink_->Write(LostLines(lost, like));
  }

  static Entry LostLines(std::uint64_t lost, const Entry& like) {
    Entry entry;
    entry.time = like.time;
    entry.stamp = like.stamp;
    entry.event = LogEvent("lines_lost");
    entry.event.Field("", "lines", static_cast<std::int64_t>(lost)).Say(" log lines were lost");
    return entry;
  }

  // The first of many is told to whoever reads standard error.
  void Judge(bool good) {
    if (!good) ++lost_, ++all_lost;
    if (!good && !failing_)
      std::fprintf(stderr, "signet: log lines are being lost: %s\n", sink_->problem().c_str());
    failing_ = !good;
  }

  std::mutex mutex_;  // all but sink_, which is the thread's while there is one
  std::condition_variable wake_, done_;
  std::deque<EntryPtr> queue_;
  std::size_t queued_bytes_ = 0;
  std::uint64_t lost_ = 0;     // that could not be written
  std::uint64_t dropped_ = 0;  // that found the queue full
  bool running_ = false, stopping_ = false, given_up_ = false, failing_ = false;
  const std::unique_ptr<Sink> sink_;
};
using WriterPtr = std::shared_ptr<Writer>;

LogEvent Plain(std::string_view text) {
  LogEvent event;
  event.text = text;
  return event;
}

}  // namespace

std::uint64_t LogLinesLost() { return all_lost; }

struct Log::Rep {
  std::mutex mutex;  // all below
  Stamp stamp;
  bool write_reject = true;
  bool threads = false;
  std::vector<WriterPtr> writers;

  void Adopt(const Setup& setup) {
    stamp = setup.stamp;
    write_reject = setup.write_reject;
    writers.clear();
    for (const Place& place : setup.places) {
      writers.push_back(std::make_shared<Writer>(logging::MakeSink(place, setup)));
      if (threads) Writer::Start(writers.back());
    }
  }

  void Put(unsigned which, LogEvent event) {
    auto entry = std::make_shared<Entry>();
    ::clock_gettime(CLOCK_REALTIME, &entry->time);
    entry->event = std::move(event);
    std::lock_guard lock(mutex);
    entry->which = write_reject ? which : which & ~static_cast<unsigned>(logging::kReject);
    if (entry->which == 0) return;
    entry->stamp = stamp;
    for (const WriterPtr& writer : writers) writer->Put(entry);
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

// A line for the log: one line, printable, bounded. Text that callers escaped already
// passes unchanged: only what Printable would escape and is no backslash is escaped here.
std::string logging::OneLine(std::string_view text) {
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

Log::Log(Paths paths) : rep_(std::make_unique<Rep>()) {
  rep_->writers.push_back(std::make_shared<Writer>(logging::MakeFilesSink(paths)));
}
Log::Log(Setup setup) : rep_(std::make_unique<Rep>()) { rep_->Adopt(setup); }
Log::~Log() {
  for (const WriterPtr& writer : rep_->writers) writer->Stop();
}

void Log::StartWriting() {
  std::lock_guard lock(rep_->mutex);
  rep_->threads = true;
  for (const WriterPtr& writer : rep_->writers) Writer::Start(writer);
}

void Log::Configure(Setup setup) {
  std::vector<WriterPtr> old;
  {
    std::lock_guard lock(rep_->mutex);
    old = rep_->writers;
    rep_->Adopt(setup);
  }
  for (const WriterPtr& writer : old) writer->Stop();
}

void Log::Main(std::string_view text) { Main(Plain(text)); }
void Log::Reject(std::string_view text) { rep_->Put(logging::kReject, Plain(text)); }
void Log::MainAndReject(std::string_view text) { MainAndReject(Plain(text)); }
void Log::Panic(std::string_view text) { Panic(Plain(text)); }

void Log::Main(LogEvent event) { rep_->Put(logging::kMain, std::move(event)); }
void Log::MainAndReject(LogEvent event) {
  rep_->Put(logging::kMain | logging::kReject, std::move(event));
}
void Log::Panic(LogEvent event) { rep_->Put(logging::kMain | logging::kPanic, std::move(event)); }

void Log::Reopen() {
  std::lock_guard lock(rep_->mutex);
  for (const WriterPtr& writer : rep_->writers) writer->Reopen();
}

}  // namespace signet
