#ifndef SIGNET_EXPAND_EVALUATE_H_
#define SIGNET_EXPAND_EVALUATE_H_

#include <cstdint>
#include <functional>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "expand/list.h"
#include "expand/message.h"
#include "expand/program.h"

// What the rows of the tables work with while a Program is evaluated.
namespace signet::expand {

// A list by construction: its elements exactly, whatever they hold.
struct ListData {
  std::span<const Text> elements;
  char separator = ':';
};

// What a node gave: octets, and perhaps more than that. A list also has its form for
// display in `text`; a certificate has "<cert>" there.
struct Datum : Text {
  const ListData* list = nullptr;
  const crypto::Certificate* certificate = nullptr;
  bool of_certificate_kind = false;  // a certificate variable, even without one

  Datum() = default;
  explicit Datum(Text t) : Text(t) {}
  explicit Datum(std::string_view t) : Text{t, {}} {}
};

// The arena of one evaluation. It counts what it gives out against the budget; where
// that is spent it goes on for the one step at hand, and the next step fails.
class Arena final : public std::pmr::memory_resource {
 public:
  // `block` is used up first, then the heap.
  Arena(void* block, std::size_t size, Budget& budget)
      : next_(static_cast<char*>(block)), end_(next_ + size), budget_(budget) {}
  bool spent() const { return spent_; }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    Charge(alignment == 1 ? bytes : bytes / kOctetsPerDescribingByte);
    auto at = (reinterpret_cast<std::uintptr_t>(next_) + alignment - 1) & ~(alignment - 1);
    if (bytes <= kLargest && at + bytes <= reinterpret_cast<std::uintptr_t>(end_)) {
      next_ = reinterpret_cast<char*>(at + bytes);
      return reinterpret_cast<void*>(at);
    }
    return more_.allocate(bytes, alignment);
  }
  void do_deallocate(void*, std::size_t, std::size_t) override {}
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  void Charge(std::size_t weight) {
    spent_ = spent_ || weight > budget_.output_bytes;
    budget_.output_bytes -= spent_ ? budget_.output_bytes : weight;
  }

  // Octets count in full. What describes them (elements, segments) is many times as large
  // as what it describes where lists are long, and counts for less.
  static constexpr std::size_t kOctetsPerDescribingByte = 16;
  static constexpr std::size_t kLargest = std::size_t{1} << 40;  // so that sums do not wrap

  char* next_;
  char* end_;
  Budget& budget_;
  bool spent_ = false;
  std::pmr::monotonic_buffer_resource more_;
};

// One evaluation of one Program. Lives on the stack of Evaluate(); a lookup may suspend
// it, so nothing here is borrowed from a thread.
class Evaluation {
 public:
  Evaluation(const Program::Rep& program, const facts::Session& session, Services& services,
             Budget& budget, Arena& arena)
      : program(program),
        session(session),
        services(services),
        budget(budget),
        arena(arena),
        trace(session.trace) {}

  // Evaluates a node. False where it failed; failure() says how.
  bool Eval(NodeId id, Datum* out);
  // Evaluates a condition, negation included.
  bool Test(NodeId id, bool* holds);
  // The n-th child of a node, as whatever it is or as octets.
  bool Child(const Node& node, std::size_t n, Datum* out);

  // A condition asks whether a variable is set, not what it is.
  bool asks_for_definition = false;

  // Fails at a node; always returns false.
  bool Fail(FailureKind kind, const Node& node, std::string text);
  bool FailPermanently(const Node& node, std::string text) {
    return Fail(FailureKind::kPermanent, node, std::move(text));
  }
  bool FailTemporarily(const Node& node, std::string text) {
    return Fail(FailureKind::kTemporary, node, std::move(text));
  }
  bool FailDeferred(const Node& node, std::string text);
  // Puts other words in the place of a failure's; a temporary one still says why. Returns
  // false.
  bool FailedAs(std::string_view text);
  // Say of a failure where it happened; always return false. An item's text is quoted with
  // the message in it, as in Exim.
  bool FailedInside(std::string_view what);
  bool FailedInItem(const Node& node);
  const Failure& failure() const { return failure_; }

  // --- making values -----------------------------------------------------------------
  std::string_view Copy(std::string_view octets);
  char* Octets(std::size_t count) { return static_cast<char*>(arena.allocate(count + 1, 1)); }
  // Octets of one origin; kept by reference: copy what does not outlive the evaluation.
  Datum From(std::string_view octets, Origins origins, Quote quote = Quote::kNone);
  // A result computed from `source`: its origins, on all octets.
  Datum Derived(std::string_view octets, const Text& source) {
    return From(octets, source.origins());
  }
  Datum Decimal(std::int64_t number);
  Datum MakeList(std::span<const Text> elements, char separator, ListStyle style);
  // The elements of a list by construction, or of a text that is read as a list.
  bool ElementsOf(const Node& node, const Datum& list, Elements* elements, char* separator);
  Datum FromValue(const Value& value);
  Value ToValue(const Datum& datum) const;
  // What was captured by the last match: $0, $1, …
  void SetCaptures(const Text& subject, const std::vector<Regex::Group>& groups);

  // --- patterns and lookups ----------------------------------------------------------
  // Compiles a pattern that was not known at load; outsiders' text is refused unless it
  // was quoted for patterns (rule E2).
  bool MakeRegex(const Node& node, const Text& pattern, std::unique_ptr<const Regex>* made);
  // A limit that is hit is a temporary failure (rule E5).
  bool MatchRegex(const Node& node, const Regex& regex, const Text& subject, std::size_t from,
                  Regex::Mode mode, std::vector<Regex::Group>* groups, bool* matches);
  // Runs what blocks where it holds nobody up, if the budget still has time.
  bool RunBlocking(const Node& node, const std::function<void()>& work);
  // Calls `ask`, which may wait, if the budget still has a lookup and time.
  template <typename F>
  bool Ask(const Node& node, F ask, LookupAnswer* answer) {
    if (!MayAsk(node)) return false;
    *answer = ask();
    return true;
  }

  // Compiles a text and evaluates it in this one's stead. Only the administrator's octets
  // are ever compiled (rule E1).
  bool Expand(const Node& node, const Text& text, Datum* out);

  // The yes or no string of an item's tail. `value` is $value in the yes string; where
  // there is none, it is the result. nullptr: the word "true", and $value as it is.
  bool Tail(const Node& node, bool success, const Datum* value, Datum* out);

  // What `if`, `lookup` and their kin put back when they end.
  struct Saved {
    Datum value;
    std::span<const Text> captures;
  };
  Saved Save() const { return {value, captures}; }
  void Restore(const Saved& saved) {
    value = saved.value;
    captures = saved.captures;
  }

  const Program::Rep& program;
  const facts::Session& session;
  Services& services;
  Budget& budget;
  Arena& arena;
  Datum value;                     // $value
  Datum item;                      // $item
  std::span<const Text> captures;  // $0, $1, …
  std::span<const Datum> holes;    // of the innermost sg
  std::string_view ldap_dn;        // of the last directory entry that a lookup found

  // --- what is written down, in steps.cc ---------------------------------------------
  facts::Trace* trace;  // nullptr: nothing
  // Which way the tail went of the item that was evaluated last.
  facts::TraceStep::Outcome branch = facts::TraceStep::Outcome::kNone;
  bool failure_told = false;

 private:
  bool EvalTraced(NodeId id, const Node& node, Datum* out);
  bool TestTraced(NodeId id, const Node& node, bool* holds);
  // Whether a node is to be written down; where it is already, this is asked within.
  bool Traces() { return trace != nullptr && !std::exchange(entering_, false); }
  bool Step(const Node& node);
  bool MayAsk(const Node& node);
  bool Join(const Node& node, Datum* out);
  bool RunOperatorNode(const Node& node, Datum* out);
  bool RunEachElement(const Node& node, const Datum& subject, Datum* out);
  bool ReadVariable(const Node& node, Datum* out);
  bool LookAtVariable(const Node& node, Datum* out);
  void Own(Datum* datum);

  bool RunCompiled(const Node& node, const Text& text, Datum* out);
  [[gnu::noinline]] bool FailInTail(const Node& node);

  // What was compiled meanwhile; values may point into it until the end.
  struct Compiled {
    std::unique_ptr<const SourceText> source;
    ProgramPtr program;
  };

  Failure failure_;
  bool failed_ = false;
  bool entering_ = false;   // the node at hand has its step
  NodeId query_ = kNoNode;  // the argument of the lookup at hand, whose step shows it
  std::vector<Compiled> own_;
  std::vector<Compiled>* compiled_ = &own_;  // the outermost one's
};

// Saves and puts back $value and captures.
class Scope {
 public:
  explicit Scope(Evaluation& e) : evaluation_(e), saved_(e.Save()) {}
  ~Scope() { evaluation_.Restore(saved_); }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  const Datum& outer_value() const { return saved_.value; }

 private:
  Evaluation& evaluation_;
  Evaluation::Saved saved_;
};

// As std::string_view::compare, without the case of ASCII letters.
int CompareFolded(std::string_view a, std::string_view b);

// A part of a text as ${substr…} counts: a negative start counts from the end, and then no
// length means everything before it.
Text Substring(Evaluation& evaluation, const Text& text, std::int64_t start,
               std::optional<std::int64_t> length);

}  // namespace signet::expand
#endif
