#ifndef SIGNET_EXPAND_TABLE_H_
#define SIGNET_EXPAND_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "expand/services.h"
#include "src/base/value.h"
#include "src/facts/phase.h"

// The row types of the five tables. A row is the whole registration of a name; the
// tables stand at the end of operators.cc, conditions.cc, items.cc, variables.cc and
// cert_fields.cc, and are handed out by the functions below. Nothing registers itself.
namespace signet::crypto {
class Certificate;
}

namespace signet::expand {

class Evaluation;
struct Node;
struct Datum;
struct CompileContext;

// A row's function. Returns false where it failed, after Evaluation::Fail.
using RunOperator = bool (*)(Evaluation&, const Node&, const Datum& subject, Datum* result);
using RunCondition = bool (*)(Evaluation&, const Node&, bool* holds);
using RunItem = bool (*)(Evaluation&, const Node&, Datum* result);
using GetVariable = bool (*)(Evaluation&, const Node&, Datum* result);

// What an operator's subject is given as.
enum class Takes : std::uint8_t {
  kText,               // octets; a list is given in its form for display
  kTextOrCertificate,  // a certificate variable comes as the certificate
  kList,               // a list comes as a list
  kEachElement,        // octets; a list is done element by element and stays a list
  kProgram,            // octets of the administrator alone, which are compiled; a constant one
                       // while the configuration is loaded
};

// Reads what follows the underscore in ${name_argument:…} into the node. Runs at load.
// Returns what is wrong, or "".
using ReadArgument = std::string (*)(CompileContext&, std::string_view name,
                                     std::string_view argument, Node* node);

struct OperatorRow {
  std::string_view name;
  ReadArgument argument;  // nullptr: takes none
  Takes takes = Takes::kText;
  RunOperator run = nullptr;
  std::string_view manual;
};

enum class ConditionForm : std::uint8_t {
  kTexts,         // name{a}{b}, `count` of them
  kGroup,         // name{{c1}{c2}…}
  kName,          // name:variable
  kListThenTest,  // name{list}{condition}
  kTextThenList,  // name{text}{patterns}; "$" is an ordinary octet in the patterns
  kCall,          // name{{a}{b}…}, between `least` and `count` of them
};

struct ConditionRow {
  std::string_view name;
  ConditionForm form = ConditionForm::kTexts;
  std::uint8_t count = 0;
  RunCondition run = nullptr;
  // Further checks of a node at load; nullptr where there are none.
  void (*check)(CompileContext&, Node*) = nullptr;
  std::string_view manual;
  std::uint8_t least = 0;
};

enum class ItemForm : std::uint8_t {
  kArguments,        // name{a}{b}…, between `least` and `most`, then "}"
  kSort,             // name{list}{comparator}{key}; the comparator is not expanded
  kArgumentsTail,    // the same, then a yes/no tail
  kEachElement,      // name{list}{text}, between `least` and `most`; the last for each element
  kListThenTest,     // name{list}{condition}
  kCondition,        // name condition, then a yes/no tail
  kLookup,           // name{key}type{file} or name type{query}, then a yes/no tail
  kCertificateTail,  // name{text}{$certificate}, then a yes/no tail
  kSubstitute,       // as kArguments; the last is compiled again, for each match
  kExtract,          // two or three texts, told apart by the first, then a yes/no tail
};

struct ItemRow {
  std::string_view name;
  ItemForm form = ItemForm::kArguments;
  std::uint8_t least = 0;
  std::uint8_t most = 0;
  RunItem run = nullptr;
  void (*check)(CompileContext&, Node*) = nullptr;
  std::string_view manual;
};

enum class VariableKind : std::uint8_t { kText, kNumber, kCertificate };

struct VariableRow {
  std::string_view name;
  VariableKind kind = VariableKind::kText;
  facts::Phase since = facts::Phase::kLoad;  // the first phase that can have set it
  // The origins its value always has where it is not empty (checks at load); kinds that
  // carry the origins of what was stored say kFromAdministrator.
  Origins origins = kFromAdministrator;
  GetVariable get = nullptr;
  std::string_view manual;
};

// What stands behind a field's name: "mail", ">:" of {subj_altname,mail,>:}.
struct FieldModifiers {
  std::string_view kind;  // which of several things: "mail", "CN", an object identifier
  std::string_view form;  // how it is given: "int", "literal", "hex"
  bool any = false;
  char separator = '\n';
};

struct CertFieldRow {
  std::string_view name;
  // The modifiers that it knows, with blanks between them. Of kinds the last one counts;
  // one that ends in "=" has an object identifier behind it. "*": any word is a kind.
  std::string_view kinds, forms;
  // Sets *found to false where the certificate has no such thing.
  bool (*run)(Evaluation&, const Node&, const crypto::Certificate&, const FieldModifiers&,
              Datum* result, bool* found) = nullptr;
  std::string_view manual;
};

std::span<const OperatorRow> Operators();
std::span<const ConditionRow> Conditions();
// What a lookup type that tests credentials brings, under the type's name.
const ConditionRow& CredentialsCondition();
std::span<const ItemRow> Items();
std::span<const VariableRow> Variables();
// $h_name: and its kin, which have no name of their own.
const VariableRow& HeaderVariable();
std::span<const CertFieldRow> CertFields();

// A name that Exim's language has and ours does not (yet), with the reason.
struct ElsewhereRow {
  std::string_view name;
  std::string_view reason;
};
// `table`: "condition", "item" or "variable" (all operators are here). nullptr where Exim has no
// such name either.
const ElsewhereRow* FindElsewhere(std::string_view table, std::string_view name);

// --- compile-time checks on tables, and finding --------------------------------------
template <typename Row, std::size_t N>
consteval bool SortedAndUnique(const Row (&rows)[N]) {
  for (std::size_t i = 1; i < N; ++i)
    if (!(rows[i - 1].name < rows[i].name)) return false;
  return true;
}

template <typename Row, std::size_t N>
consteval bool Named(const Row (&rows)[N]) {
  for (const Row& row : rows)
    if (row.name.empty() || row.manual.empty()) return false;
  return true;
}

template <typename Row>
const Row* FindRow(std::span<const Row> rows, std::string_view name) {
  std::size_t low = 0, high = rows.size();
  while (low < high) {
    std::size_t middle = (low + high) / 2;
    if (rows[middle].name < name)
      low = middle + 1;
    else
      high = middle;
  }
  return low < rows.size() && rows[low].name == name ? &rows[low] : nullptr;
}

}  // namespace signet::expand
#endif
