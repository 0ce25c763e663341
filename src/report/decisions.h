#ifndef SIGNET_SRC_REPORT_DECISIONS_H_
#define SIGNET_SRC_REPORT_DECISIONS_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/report/decision.h"
#include "src/report/decision_file.h"

namespace signet::report {

// A name for a decision, as clients are told it: "K7Q2-9FXMT". Random, of characters that
// nobody takes for others, and says nothing about what it names (rule C7).
std::string NewReference();
// Whether a text can be one; however it is written, "k7q29fxmt" too.
bool IsReference(std::string_view text);

// The last decisions, by reference. What was refused or deferred is kept apart from what was
// not, so that good traffic pushes none of it out. Bounded in number (of each kind), memory
// (half of it for each kind) and age; the oldest go first.
//
//   Threads   any. Nobody waits for the file: a thread of its own writes it.
//   Security  holds what a Decision holds: no secrets (rule C7), but who wrote to whom.
class DecisionStore {
 public:
  struct Bounds {
    std::size_t number = static_cast<std::size_t>(limits::kDecisionsKept);
    std::size_t bytes = limits::kDecisionsBytes;
    std::chrono::seconds age = limits::kDecisionMaxAge;
    std::size_t file_bytes = limits::kDecisionFileBytes;
  };
  // `now`: seconds since the epoch; the system's clock unless given.
  using Now = std::function<std::int64_t()>;

  DecisionStore();
  explicit DecisionStore(Bounds bounds, Now now = {});
  ~DecisionStore();  // what waits for the file is written
  DecisionStore(const DecisionStore&) = delete;
  DecisionStore& operator=(const DecisionStore&) = delete;

  // Keeps a decision, in place of the one with its reference where there is one.
  //   Requires  it has a reference.
  void Put(Decision decision);

  // Any way of writing the reference. nullptr: there is none, or not any more.
  DecisionPtr Find(std::string_view reference) const;
  // Refusals and deferrals, newest first.
  std::vector<DecisionPtr> Recent(std::size_t most) const;
  // Of both kinds, oldest first.
  std::vector<DecisionPtr> All() const;

  struct Counts {
    std::size_t refused = 0, accepted = 0;  // kept; refused: or deferred
    std::size_t bytes = 0;
    std::uint64_t put = 0;  // in all
  };
  Counts counts() const;

  // From now on so many; 0 keeps none.
  void SetNumber(std::size_t number);

  // Takes what is in a file, and keeps it there from now on; "" is nowhere. What is wrong with
  // single lines, and trouble with writing, is told to `log`.
  //   Errors  text for the log; then nothing is kept in a file.
  Result<bool, std::string> KeepIn(const std::string& path, Log* log);

 private:
  struct Ring {
    std::list<DecisionPtr> decisions;  // oldest first
    std::size_t bytes = 0;
  };
  struct Place {
    Ring* ring;
    std::list<DecisionPtr>::iterator at;
  };
  Ring& RingOf(const Decision& decision) {
    return decision.verdict == Decision::Verdict::kAccepted ? accepted_ : refused_;
  }
  static std::size_t BytesOf(const Decision& decision);
  bool IsOld(const Decision& decision) const;
  void Insert(DecisionPtr decision);
  void Drop(const std::string& name);
  void DropOldest(Ring* ring);
  void Bound(Ring* ring);
  void InsertOlder(std::vector<Decision> decisions);
  void Note(const std::string& name);

  void StopWriting();
  void Write();
  std::size_t WriteBatch(std::unique_lock<std::mutex>* lock);

  const Now now_;
  mutable std::mutex mutex_;  // all below but the file, which is the writer's
  Bounds bounds_;
  Ring refused_, accepted_;
  std::unordered_map<std::string, Place> index_;  // by reference, as Normalized() has it
  std::uint64_t put_ = 0;

  std::string path_;  // "" where nothing is kept in a file
  Log* log_ = nullptr;
  std::unique_ptr<DecisionFile> file_;
  std::set<std::string> unwritten_;  // names
  bool rewrite_ = false, stopping_ = false, in_trouble_ = false;
  std::condition_variable wake_;
  std::thread writer_;
};

}  // namespace signet::report
#endif
