#ifndef SIGNET_SRC_SERVER_MASTER_H_
#define SIGNET_SRC_SERVER_MASTER_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "src/base/channel.h"
#include "src/base/log.h"
#include "src/server/key_process.h"
#include "src/server/listener.h"
#include "src/server/pid_file.h"
#include "src/server/privileges.h"
#include "src/server/service_manager.h"

// The master process: it starts the process that serves, keeps the listening sockets for it,
// and starts another one when that one dies (rule P3). It has one thread, and reads nothing
// that a client has said.
namespace signet::server {

// What the serving process tells its master once it has bound its sockets, and again when a
// reload has changed something of it.
struct Standing {
  std::string pid_file;              // "": none
  std::optional<Identity> identity;  // whom to become, where the process is root
  bool sandbox = false;              // system calls are filtered
  Log::Setup log;
  std::string timezone;  // TZ, as in the environment
  std::vector<ListenerPtr> listeners;
};

// What the serving process has to say besides.
enum class News : std::uint8_t {
  kServing,    // clients are served from now on; the text says where
  kReloading,  // the configuration is loaded again
  kReloaded,   // that is over; the text says how
  kAlive,      // every worker's loop goes round
  kSharing,    // another instance has the listening sockets too
  kLeaving,    // it serves instead; the text is the number of its process
};

// What the serving process has of its master.
class MasterLink {
 public:
  // Sockets of the process that served before, or none.
  std::vector<ListenerPtr> TakeInherited() { return std::exchange(inherited_, {}); }
  pid_t master() const { return master_; }
  // How often the serving process was replaced since the master began.
  std::uint64_t restarts() const { return restarts_; }
  // Where this is no first start: the log of the process that served before.
  const std::optional<Log::Setup>& log() const { return log_; }

  // The master writes the pid file, gives up root, and keeps the sockets. "" or what is wrong.
  std::string Tell(const Standing& standing) const;
  // A line to the key process; an invalid one where there is none at present. Any thread.
  Channel KeyLine() const;
  bool has_keys() const { return has_keys_; }
  void Announce(News news, std::string_view text) const;
  // How often a service manager wants to hear kAlive.
  std::optional<std::chrono::milliseconds> watchdog() const { return watchdog_; }
  // How many sessions there are, for the log line of a crash.
  std::atomic<std::uint32_t>* sessions() const { return sessions_; }
  // Has this process killed when its master dies. To be called again whenever ids have
  // changed: that clears it.
  void DieWithMaster() const;

 private:
  friend class Master;
  struct Answer {
    std::string text;
    std::vector<OwnedFd> fds;
  };
  std::optional<Answer> Ask(std::string_view text, std::span<const int> fds) const;
  mutable std::mutex mutex_;  // held while an answer is awaited
  mutable std::uint64_t asked_ = 0;
  Channel channel_;
  bool has_keys_ = false;
  std::optional<std::chrono::milliseconds> watchdog_;
  std::vector<ListenerPtr> inherited_;
  std::optional<Log::Setup> log_;
  std::atomic<std::uint32_t>* sessions_ = nullptr;
  std::uint64_t restarts_ = 0;
  pid_t master_ = 0;
};

// How long to wait before something that has died is started again: longer and longer, where it
// dies again and again.
class Pauses {
 public:
  void Started() { started_ = std::chrono::steady_clock::now(); }
  MonotonicTime started() const { return started_; }
  std::chrono::milliseconds Next();

 private:
  MonotonicTime started_{};
  std::chrono::milliseconds last_{0};
};

class Master {
 public:
  struct Options {
    std::function<int(MasterLink& link)> serve;  // in the child; its exit status
    const ServiceManager* manager = nullptr;     // never nullptr
    std::vector<ListenerPtr> passed = {};        // sockets that are there already
    // The pid file is that of an instance whose place is taken, until this one serves.
    bool replaces = false;
    bool with_keys = true;  // private keys are held by a process of their own
    std::function<void(const Log::Setup&)> begun = {};  // in the master, once the first one serves
  };
  explicit Master(Options options);
  ~Master();
  Master(const Master&) = delete;
  Master& operator=(const Master&) = delete;

  // Until it is told to stop, or the first serving process could not start.
  //
  //   Returns   the exit status: of the serving process, where that ended in good order.
  //   Requires  no thread but this one.
  int Run();

 private:
  void Start();
  void StartKeys();
  void LetGo();
  [[noreturn]] void BeServing(Channel channel);
  void Wait();
  void HandleSignal();
  void Stop();
  void HandleMessages();
  void Leave(const std::string& successor);
  void HandleNews(News news, const std::string& text);
  bool HandleMessage(Channel::Message* message);
  std::string Adopt(const Standing& standing);
  std::string FlawOfLog(const Log::Setup& log) const;
  bool IsInVain();
  void Reap();
  void Ended(int status);
  void KeysEnded(int status);
  void LogEnd(int status, std::chrono::milliseconds pause);
  void Say(const std::string& text);

  Options options_;
  OwnedFd signals_;
  KeyProcess keys_;
  Channel channel_;                                 // to the serving process
  std::atomic<std::uint32_t>* sessions_ = nullptr;  // shared with it
  std::optional<Log> log_;
  std::optional<Log::Setup> log_setup_;
  PidFile pid_file_;
  bool ordinary_ = false;                  // has given up what it had to give up
  bool sandbox_ = false;                   // system calls are filtered
  std::set<std::string> log_directories_;  // where logs may be, as they were at first
  unsigned vain_ = 0;                      // starts in a row after which nobody served
  std::vector<ListenerPtr> listeners_;
  pid_t child_ = 0;       // 0: none
  bool served_ = false;   // one has, ever
  bool serving_ = false;  // the present one does
  bool stopping_ = false;
  bool leaving_ = false;       // another instance serves; the child has sessions to end
  std::optional<int> status_;  // of ours: it is over
  Pauses pauses_, key_pauses_;
  MonotonicTime due_{};  // for the next start, or the end of patience with a child that is to stop
  MonotonicTime keys_due_{}, alive_due_{};
  std::uint64_t restarts_ = 0;
};

}  // namespace signet::server
#endif
