#ifndef SIGNET_EXPAND_PROGRAM_H_
#define SIGNET_EXPAND_PROGRAM_H_

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "expand/expand.h"
#include "expand/lookup_word.h"
#include "expand/match.h"
#include "expand/regex.h"
#include "expand/table.h"

// The compiled form. Private to the library.
namespace signet::expand {

using NodeId = std::uint32_t;
inline constexpr NodeId kNoNode = ~NodeId{0};

enum class NodeKind : std::uint8_t {
  kText,
  kSequence,
  kVariable,
  kCapture,
  kOperator,
  kItem,
  kCondition,
  kHole,
};

// How to quote for a query, from ${quote_TYPE:…}.
enum class QuoteHow : std::uint8_t { kUnchanged, kLdapFilter, kLdapDn, kByType };

// One node of a Program. Names are resolved; what a row wanted to know at load stands
// in the members below the line.
struct Node {
  NodeKind kind = NodeKind::kText;
  bool fail = false;              // the tail ends in `fail`
  bool negated = false;           // a condition after an odd number of "!"
  bool keyed = false;             // lookup with a single key
  bool braced = false;            // a variable that was written as ${name}
  bool wrong = false;             // kOperator: fails when evaluated; `text` says why
  std::uint32_t first_child = 0;  // in Rep::children
  std::uint32_t child_count = 0;
  NodeId yes = kNoNode;
  NodeId no = kNoNode;
  SourceSpan span;
  SourceSpan name;
  union {
    const OperatorRow* op = nullptr;
    const ItemRow* item;
    const ConditionRow* condition;
    const VariableRow* variable;
  };
  std::string_view text;  // kText; a variable's name; a type word's options
  // ---
  std::int64_t numbers[2] = {0, 0};  // arguments after underscores; a capture's number
  std::uint8_t number_count = 0;
  QuoteHow quote = QuoteHow::kUnchanged;
  const Regex* regex = nullptr;         // a constant pattern
  const Patterns* patterns = nullptr;   // match_...
  const LookupType* lookup = nullptr;   // lookup, ldapauth, quote_TYPE
  const LookupWord* word = nullptr;     // lookup
  const CertFieldRow* field = nullptr;  // certextract with a constant field
  FieldModifiers modifiers;
  NodeId again = kNoNode;   // sg: the replacement, compiled; expand: a constant operand
  std::uint32_t holes = 0;  // sg: how many children fill it, from child 3 on
};

struct Program::Rep {
  std::vector<Node> nodes;
  std::vector<NodeId> children;
  NodeId root = kNoNode;
  SourceSpan span;
  // For text that is compiled at run time (`expand`).
  const Names* names = nullptr;
  facts::Phase used_at = facts::Phase::kLoad;
  std::size_t depth = 0;  // of its deepest part
  // It may call an ACL, which may change what variables hold: they are copied.
  bool calls = false;
  mutable bool hidden = false;  // see Hide()
  bool is_constant = false;
  std::string constant;
  // What nodes point to; deques keep addresses.
  std::deque<std::string> texts;
  std::deque<LookupType> lookups;
  std::deque<LookupWord> words;
  std::vector<std::unique_ptr<const Regex>> regexes;
  std::vector<std::unique_ptr<const Patterns>> patterns;
  std::deque<SourceText> sources;  // replacement texts, placed in the original

  const Node& node(NodeId id) const { return nodes[id]; }
  // A span as one of the text that was compiled, which outlives the Program.
  SourceSpan Original(SourceSpan span) const;
  NodeId child(const Node& n, std::size_t i) const { return children[n.first_child + i]; }
};

struct ProgramAccess {
  static const Program::Rep& Of(const Program& program) { return *program.rep_; }
  static ProgramPtr Make(std::unique_ptr<const Program::Rep> rep) {
    return ProgramPtr(new Program(std::move(rep)));
  }
};

// What a row's checks at load work with.
struct CompileContext {
  Program::Rep& rep;
  const Names& names;
  facts::Phase used_at;
  Diagnostics* diagnostics;
  Diagnostics* late;  // see Late()

  // `code` is one of src/base/codes.h.
  void Error(SourceSpan span, std::string message, std::string hint = "",
             std::string_view code = {});
  void Warn(SourceSpan span, std::string message, std::string hint, std::string_view code);
  // A mistake that Exim sees only when it evaluates the part: an error where the part can be
  // reached. The row's function must fail with `message` too.
  void Late(SourceSpan span, std::string message, std::string hint, std::string_view code);
  NodeId Child(const Node& node, std::size_t i) const { return rep.child(node, i); }
  // The text of a node that is constant, else nullptr.
  const std::string_view* ConstantText(NodeId id) const;
  // Compiles `pattern` into rep; reports what is wrong with it. Returns nullptr then.
  const Regex* CompileRegex(SourceSpan span, std::string_view pattern);
  std::string_view Keep(std::string text);
  const LookupType* KeepLookup(const LookupType& type);
};

}  // namespace signet::expand
#endif
