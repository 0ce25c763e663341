#ifndef SIGNET_SRC_ACL_TABLE_H_
#define SIGNET_SRC_ACL_TABLE_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/acl/places.h"
#include "src/base/value.h"
#include "src/config/match.h"

// Rows of the two tables of an ACL: conditions.cc and modifiers.cc.
namespace signet::acl {

struct Item;
class Run;

// What a condition or modifier has to say about its statement.
struct Answer {
  enum Kind : std::uint8_t {
    kTrue,
    kFalse,
    kDefer,  // cannot say now
    kError,  // cannot say because something is wrong
  } kind = kTrue;
  bool drop = false;     // with kFalse: a nested ACL wants the connection closed
  bool discard = false;  // with kTrue: a nested ACL discards
  // What it says hangs on the client not being authenticated.
  bool unauthenticated = false;
  std::string user_text, log_text;
  Origins user_origins = kFromAdministrator;  // of user_text
};

// What stands behind the "=", and who expands it.
enum class Argument : std::uint8_t {
  kNone,      // nothing stands there
  kList,      // a match list; the matcher expands it
  kText,      // expanded before the row's function is called
  kLate,      // compiled now, expanded when the message is wanted
  kCall,      // `name arg …`, each word expanded by itself
  kVariable,  // `set name = text`: text as kText
  kWord,      // a word of the row's own, not expanded
};

// What a row checks while the configuration loads.
struct CheckContext {
  const config::Config& config;
  Diagnostics* diagnostics;
  void Error(SourceSpan span, std::string message, std::string hint = "") const {
    diagnostics->push_back({Severity::kError, span, std::move(message), std::move(hint), {}});
  }
};

struct ItemRow {
  std::string_view name;
  bool condition = false;  // else a modifier, which cannot be negated
  Argument argument = Argument::kText;
  config::ListKind list = config::ListKind::kString;  // where argument is kList
  Places places = kEverywhere;
  void (*check)(const Item& item, const CheckContext& context) = nullptr;
  // `value` is the expanded argument of kText and kVariable.
  Answer (*run)(const Item& item, const Value& value, Run& run) = nullptr;
  std::string_view manual;
  // Why its argument, as it stands, keeps it out of an ACL that `places` lets it into; or "".
  // What is expanded is left to `run`.
  std::string (*misplaced)(std::string_view argument, config::AclWhen when) = nullptr;
};

std::span<const ItemRow> Conditions();
std::span<const ItemRow> Modifiers();
const ItemRow* FindItem(std::string_view name);
std::vector<std::string_view> AllItems();

// Rows of "condition", "modifier" or "place" (the acl_smtp_* options), for the test that
// the manual has them all.
std::vector<std::string_view> AllRows(std::string_view table);

}  // namespace signet::acl
#endif
