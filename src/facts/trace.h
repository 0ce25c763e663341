#ifndef SIGNET_SRC_FACTS_TRACE_H_
#define SIGNET_SRC_FACTS_TRACE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/limits.h"

namespace signet::facts {

// One step of a decision, as people are told of it: what was done, in the administrator's
// words where there are any, and what came out.
struct TraceStep {
  enum class Kind : std::uint8_t {
    kCommand,        // what: the client's command, or "connection"; value: the reply
    kTls,            // what: "handshake"; value: version and cipher
    kCertificate,    // what: its subject; one of the chain, leaf first
    kCheck,          // what: a check's name, "key purpose"; value: why it came out as it did
    kAuthenticator,  // what: its name; value: the identity, or why there is none
    kOption,         // what: an option's name; value: what it expanded to
    kExpression,     // what: a part of an expression as written; value: its value
    kLookup,         // what: the type; value: the answer. `query` is what was asked
    kAcl,            // what: its name; value: the verdict
    kStatement,      // what: a statement's verb; value: what became of it
    kCondition,      // what: a condition or modifier as written; value: what it came to
    kNote,           // what: words of ours
  };
  enum class Outcome : std::uint8_t {
    kNone,   // there is no yes or no about it
    kYes,    // holds, verified, accepted, found
    kNo,     // does not hold, refused, not found
    kLater,  // cannot be known now
    kFailed  // an expression failed for good, or was forced to
  };
  Kind kind = Kind::kNote;
  Outcome outcome = Outcome::kNone;
  std::uint16_t depth = 0;  // the steps behind it that are deeper are its parts
  bool hidden = false;      // its value may be a secret, or is part of a message: not recorded
  std::string what;
  std::string value;  // outsiders' octets; whoever shows it escapes it
  std::string from;   // where the value came from: "certificate", "client", …; "" where ours
  std::string query;  // kLookup: quoted, as it was sent; without credentials
  std::string place;  // "signet.conf:31:21"
  std::int64_t microseconds = -1;  // how long a lookup took; -1: not measured
};
std::string_view NameOf(TraceStep::Kind kind);        // "lookup": for machines
std::string_view NameOf(TraceStep::Outcome outcome);  // "yes"

// Trace is a decision while it is made, step by step. Bounded: beyond its octets steps are
// counted and dropped, but for commands and authenticators. One session's; no locks.
//
// Whoever decides something writes it down here where session.trace is set, and does nothing
// else differently.
class Trace {
 public:
  // `thorough`: for offline tools. What costs more than writing it down is done too: a chain
  // that verified is examined again, check by check.
  explicit Trace(bool thorough = false, std::size_t max_bytes = limits::kTraceMaxBytes)
      : thorough_(thorough), bytes_left_(max_bytes) {}

  bool thorough() const { return thorough_; }

  // Records a step without parts.
  void Add(TraceStep step);
  // Records a step whose parts follow until End, which tells what came out. Begin and End
  // nest; TraceScope keeps them together.
  std::size_t Begin(TraceStep step);
  void End(std::size_t id, TraceStep::Outcome outcome, std::string_view value,
           std::string_view from = {});
  // The same for facts that are known late; nullptr where the step was dropped.
  TraceStep* At(std::size_t id);

  // While positive, values and queries are not recorded: they may be passwords, or a message.
  void BeDiscreet(int change) { discreet_ += change; }
  bool discreet() const { return discreet_ > 0; }

  // Forgets what was recorded from step `id` on: it was not for this.
  void TakeBack(std::size_t id);

  const std::vector<TraceStep>& steps() const { return steps_; }
  std::size_t dropped() const { return dropped_; }

 private:
  bool Fits(const TraceStep& step);
  void Hide(TraceStep* step) const;

  static constexpr std::size_t kDropped = ~std::size_t{0};
  bool thorough_;
  std::size_t bytes_left_;
  std::size_t dropped_ = 0;
  std::uint16_t depth_ = 0;
  int discreet_ = 0;
  std::vector<TraceStep> steps_;
};

// A step with parts, ended by whoever leaves its scope. Does nothing where `trace` is nullptr.
class TraceScope {
 public:
  TraceScope(Trace* trace, TraceStep step)
      : trace_(trace), id_(trace != nullptr ? trace->Begin(std::move(step)) : 0) {}
  ~TraceScope() {
    if (trace_ != nullptr) trace_->End(id_, outcome_, value_, from_);
  }
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;
  bool on() const { return trace_ != nullptr; }
  void Result(TraceStep::Outcome outcome, std::string value = "", std::string from = "") {
    outcome_ = outcome;
    value_ = std::move(value);
    from_ = std::move(from);
  }
  TraceStep* step() { return trace_ != nullptr ? trace_->At(id_) : nullptr; }

 private:
  Trace* trace_;
  std::size_t id_;
  TraceStep::Outcome outcome_ = TraceStep::Outcome::kNone;
  std::string value_, from_;
};

// While one lives, no values are recorded.
class Discretion {
 public:
  explicit Discretion(Trace* trace) : trace_(trace) {
    if (trace_ != nullptr) trace_->BeDiscreet(1);
  }
  ~Discretion() {
    if (trace_ != nullptr) trace_->BeDiscreet(-1);
  }
  Discretion(const Discretion&) = delete;
  Discretion& operator=(const Discretion&) = delete;

 private:
  Trace* trace_;
};

}  // namespace signet::facts
#endif
