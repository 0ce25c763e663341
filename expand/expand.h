#ifndef SIGNET_EXPAND_EXPAND_H_
#define SIGNET_EXPAND_EXPAND_H_

#include <memory>
#include <string>
#include <string_view>

#include "expand/budget.h"
#include "expand/services.h"
#include "src/base/result.h"
#include "src/base/source.h"
#include "src/base/value.h"
#include "src/facts/session.h"

// The expansion language as a library: text → Program, once, at load; Program × facts →
// Outcome, at run time.
namespace signet::expand {

// An immutable compiled string. Safe to evaluate from any thread at once.
class Program {
 public:
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  SourceSpan span() const;
  // The text where it has no expansion at all (after escapes are resolved), else nullptr.
  const std::string* constant() const;

  struct Rep;  // known inside the library only

 private:
  friend struct ProgramAccess;
  explicit Program(std::unique_ptr<const Rep> rep);
  std::unique_ptr<const Rep> rep_;
};
using ProgramPtr = std::unique_ptr<const Program>;

// An element of a list.
struct ListElement {
  std::string text;
  Origins origins = kFromAdministrator;
  // Which octets of `text` came from where, as in Value: lets `*@$sender_address_domain`
  // keep the administrator's `*@` as a pattern. Empty: `origins` holds for all of it.
  std::vector<Segment> segments;
};

// A value, or why there is none.
using Outcome = Result<Value, Failure>;

// Turns configuration text into a Program and reports whatever can be known to be wrong
// without a session: unknown names, argument counts, a variable that no phase up to
// `used_at` can have set, nesting beyond limits::kExpandDepth.
//
// A constant that fails wherever it is evaluated is an error too (a bad number or regular
// expression, a quote operator's unknown option), unless constant conditions leave its
// part out; other doubts are warnings. kTrial leaves all that to evaluation: for strings
// that somebody tries out, where constants are the point.
//
//   Requires  the SourceText behind `part`, and `names`, outlive the Program.
//   Returns   nullptr where there is an error; warnings alone still give a Program.
//   Errors    every problem, appended to `diagnostics`: the one first that Exim would fail
//             with, and in its words.
//   Security  spans only show text of the administrator: data is never compiled (E1).
enum class Reading : bool { kConfiguration, kTrial };
ProgramPtr Compile(SourceSpan part, facts::Phase used_at, const Names& names,
                   Diagnostics* diagnostics, Reading reading = Reading::kConfiguration);

// Evaluates against the facts of a session. May wait (lookups). Never throws.
//
//   Errors    a Failure with the span of the node that failed.
//   Security  output, steps, lookups and time are bounded by `budget`.
Outcome Evaluate(const Program& program, const facts::Session& session, Services& services,
                 Budget& budget);

// The same with an element of a list as $item: for an option that is asked about each.
Outcome EvaluateForItem(const Program& program, const ListElement& item,
                        const facts::Session& session, Services& services, Budget& budget);

// The value of one variable, by its name without "$".
//
//   Errors    as Evaluate; kPermanent where there is no variable of that name.
Outcome EvaluateVariable(std::string_view name, const facts::Session& session, Services& services,
                         Budget& budget);

// The program as text, one node a line, for tests and `explain`.
std::string Dump(const Program& program);

// --- truth ---------------------------------------------------------------------------
enum class Truth : std::uint8_t { kFalse, kTrue, kInvalid };
// ACL `condition =`: empty, integer 0, no, false → false; other integer, yes, true → true.
Truth AclTruth(std::string_view text);
// `server_condition`: "", 0, no, false → false; 1, yes, true → true; all else invalid.
Truth AuthTruth(std::string_view text);
// Router-style: "", 0, no, false → false; everything else true.
bool LaxTruth(std::string_view text);

// --- lists ---------------------------------------------------------------------------
// The elements of a list value. A list by construction gives its elements as they are.
// Text is split by ':' or the separator its prefix "<x" declares, doubled separators
// stand for themselves; the prefix counts only where the administrator wrote it, and
// octets that came from a client or a certificate are never structure (rules I7, E2).
std::vector<ListElement> SplitList(const Value& list);

// --- for the manual and for tests ----------------------------------------------------
// Names of all rows, e.g. AllRows("operator"): "operator", "condition", "item",
// "variable", "cert_field".
std::vector<std::string_view> AllRows(std::string_view table);
std::string_view RowManual(std::string_view table, std::string_view name);

}  // namespace signet::expand
#endif
