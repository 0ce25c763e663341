#ifndef SIGNET_EXPAND_SERVICES_H_
#define SIGNET_EXPAND_SERVICES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/value.h"

namespace signet::expand {

struct Budget;

// What the compiler must know of a lookup type. `handle` comes back in LookupRequest.
struct LookupType {
  int handle = 0;
  std::string_view name;
  bool single_key = false;     // ${lookup{key}type{file}}; otherwise ${lookup type{query}}
  bool absolute_file = false;  // the file name, or one that a query names, must be absolute
  // The quote operators that make outsider text fit for a query of this type; empty
  // where none does.
  std::vector<Quote> accepts;
  bool any_text = false;     // a query is one value, whatever is in it: none is needed
  bool in_string = false;    // what is quoted is fit only between two ' of SQL
  bool first_word = false;   // of a query: outsiders have no part in it
  bool file_names = false;   // answers are names of files that exist
  bool list_key = false;     // the key is a list: asked for as its elements, NUL between
  bool rates = false;        // keeps rates, for ratelimit_store
  bool credentials = false;  // ${if NAME{query}} tests the credentials in a query
  // Options behind a comma that the type knows, as in signet/driver.h; nullopt: unknown.
  std::optional<std::string> options;
  // Where in a query of settings and a URL outsiders may have a part, as in signet/driver.h;
  // nullopt: queries have another form.
  std::optional<std::string> outsiders;
  // ${quote_NAME:text} and ${quote_NAME_option:text} where the type has a quoting of its
  // own; empty otherwise. Returns false where the option is unknown.
  std::function<bool(std::string_view option, std::string_view text, std::string* quoted)> quote;
};

class Patterns;
class Program;

// A named list as lists that refer to it need it: compiled where it needs no expansion,
// else as what is expanded. Both are nullptr where it has mistakes.
struct ListRef {
  const Patterns* patterns = nullptr;
  const Program* program = nullptr;
};

// Names that exist outside the language: lookup types, named lists. Used while compiling,
// and by lists that are only known at run time.
class Names {
 public:
  virtual ~Names() = default;
  virtual const LookupType* FindLookup(std::string_view name) const = 0;
  virtual std::vector<std::string_view> LookupNames() const = 0;  // for suggestions
  virtual std::vector<std::string_view> AclNames() const { return {}; }
  // Text of a named list ("domainlist", "hostlist", "addresslist", "localpartlist", or ""
  // for any kind), or nullopt. For ${listnamed:}.
  virtual std::optional<SourceSpan> FindNamedList(std::string_view kind,
                                                  std::string_view name) const = 0;
  // The list itself, for matching; `kind` is never "".
  virtual std::optional<ListRef> FindList(std::string_view, std::string_view) const {
    return std::nullopt;
  }
  virtual std::vector<std::string_view> ListNames(std::string_view) const { return {}; }
};

struct LookupAnswer;

// What a lookup may ask of the expansion that it is made in.
class KeyPatterns {
 public:
  virtual ~KeyPatterns() = default;
  // Whether the key matches a pattern, one item of a list, which is expanded first or not.
  // kFound or kNotFound, or kDeferred with the reason. May wait.
  //
  //   Requires  `pattern` is the administrator's text.
  virtual LookupAnswer Match(std::string_view pattern, bool expand) = 0;
};

struct LookupRequest {
  int handle = 0;
  std::string_view key;             // single-key types
  std::string_view query;           // query types: the query; single-key types: the file name
  std::string_view options;         // text after a comma behind the type: "ret=full,cache=no_rd"
  KeyPatterns* patterns = nullptr;  // nullptr: there are none here
};

// kFound with its value, kNotFound, or kDeferred with a reason for the log.
struct LookupAnswer {
  enum Kind : std::uint8_t { kFound, kNotFound, kDeferred } kind = kNotFound;
  std::string text;  // value, or reason
  // kDeferred because a file or database cannot be opened: the reason stands alone.
  bool opening = false;
  std::string entry;        // the directory entry that it came from, where there is one
  bool remembered = false;  // from an earlier lookup of the same connection
};

// A small file of the administrator's, whole; or why it cannot be read.
struct FileText {
  std::shared_ptr<const std::string> text;
  std::string trouble;
};

// What an ACL that an expansion calls has to say.
struct AclOutcome {
  // kError: there is no such ACL, or it cannot decide.
  enum Kind : std::uint8_t { kAccept, kDeny, kDefer, kError } kind = kError;
  Value message;  // of its `message` modifier
};

// Services is what an expansion may ask of the world; it may wait. Tests pass a fake.
class Services {
 public:
  virtual ~Services() = default;
  // What +names in lists refer to; nullptr where there is no configuration.
  virtual const Names* names() const { return nullptr; }
  // A file of list items, as it is now.
  //
  //   Requires  `path` is the administrator's text, all of it.
  virtual FileText ReadFile(const std::string& path);
  virtual LookupAnswer Lookup(const LookupRequest& request) = 0;
  // ${if NAME{…}} of a type that tests credentials: kFound = they are good, kNotFound = refused.
  virtual LookupAnswer AuthenticateBy(int lookup_handle, std::string_view query) = 0;
  // ${acl{name}{arg}…}. `name` may be the text of an ACL. Evaluates within `budget`.
  virtual AclOutcome CallAcl(std::string_view name, std::vector<Value> arguments, Budget& budget) {
    (void)name, (void)arguments, (void)budget;
    return {};
  }
  // ${env{name}}: only what the configuration lets through.
  virtual std::optional<std::string> Environment(std::string_view name) {
    (void)name;
    return std::nullopt;
  }
  virtual std::int64_t Now() = 0;  // seconds since the epoch
  virtual std::int64_t NowMicroseconds() { return Now() * 1'000'000; }
  // Runs what may block or takes long (files, crypt) where it holds nobody else up, and
  // returns when it is done. Tools and tests simply run it.
  virtual void RunBlocking(const std::function<void()>& work) { work(); }
};

}  // namespace signet::expand
#endif
