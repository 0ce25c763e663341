#ifndef SIGNET_EXPAND_AST_H_
#define SIGNET_EXPAND_AST_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "src/base/source.h"

namespace signet::expand {

struct ItemRow;
struct ConditionRow;

enum class AstKind : std::uint8_t {
  kText,       // octets, escapes resolved
  kSequence,   // children joined
  kVariable,   // $name, ${name}
  kCapture,    // $1, ${1}
  kOperator,   // ${name:child}
  kItem,       // ${name{child}…}, perhaps with yes, no, fail
  kCondition,  // inside `if` and its like; children are its arguments
  kHole,       // a value put into a replacement text that is compiled again (`sg`)
};

struct AstNode;
using AstPtr = std::unique_ptr<AstNode>;

// A node of the tree that the parser builds. Names of operators and variables are not
// resolved yet; items and conditions are, because their form depends on their row.
struct AstNode {
  AstKind kind = AstKind::kText;
  SourceSpan span;   // the whole construct
  SourceSpan name;   // the name in it
  std::string text;  // kText: the octets; kItem `lookup`: the type word, `extract`: json, jsons
  std::vector<AstPtr> children;
  AstPtr yes, no;                     // of a yes/no tail
  bool fail = false;                  // the tail ends in the word `fail`
  bool negated = false;               // kCondition
  bool broken = false;                // its form was wrong, and that was reported
  bool keyed = false;                 // kItem `lookup`: the first child is a single key;
                                      // `extract`: yes and no are told from the children
  bool in_def = false;                // kVariable behind "def:"
  bool braced = false;                // kVariable: written as ${name}
  bool certificate_argument = false;  // kVariable: the second argument of certextract
  std::size_t number = 0;             // kCapture, kHole
  std::size_t depth = 0;              // how deep it is nested
  const ItemRow* item = nullptr;
  const ConditionRow* condition = nullptr;
};

}  // namespace signet::expand
#endif
