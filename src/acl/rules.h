#ifndef SIGNET_SRC_ACL_RULES_H_
#define SIGNET_SRC_ACL_RULES_H_

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "src/acl/acl.h"
#include "src/acl/table.h"

// The compiled form of ACLs: what compile.cc makes and evaluate.cc reads.
namespace signet::acl {

enum class Verb : std::uint8_t { kAccept, kDeny, kDefer, kDrop, kRequire, kWarn, kDiscard };

// A word of `acl = name arg …`.
struct Word {
  config::Expanded text;
  std::optional<std::string> constant;
};

// One condition or modifier.
struct Item {
  const ItemRow* row = nullptr;
  bool negated = false;
  SourceSpan span;                // "!hosts = …"
  SourceSpan name_span;           // "hosts"
  config::Expanded argument;      // span always set (but for endpass); program by row->argument
  std::vector<Word> words;        // acl
  std::string variable;           // set: "acl_m_x"
  std::vector<std::string> logs;  // logwrite: "main", "reject", "panic"
  // Its text reads whether, or as whom, the client is authenticated.
  bool reads_identity = false;
  // It hangs on who the client is in any way: that, or what is in its certificate.
  bool about_identity = false;
};

struct Statement {
  Verb verb = Verb::kAccept;
  SourceSpan span;  // the verb
  std::vector<Item> items;
  bool about_identity = false;  // some item is
};

struct Acl {
  std::string name;  // of an inline text: the option's
  SourceSpan span;
  std::vector<Statement> statements;
  bool hidden = false;  // the text of an option that was set with "hide"
};

// What an acl_smtp_* option says.
struct Hook {
  enum Kind : std::uint8_t { kUnset, kFixed, kExpanded } kind = kUnset;
  std::size_t acl = 0;                       // kFixed
  const config::Expanded* option = nullptr;  // kExpanded: names an ACL at run time
};

// ACLs whose text is only known at run time, compiled once. Bounded: what an administrator
// writes has few forms, and beyond limits::kAclTextsKept all are forgotten.
class CompiledTexts {
 public:
  // nullptr, with *wrong, where the text has mistakes.
  std::shared_ptr<const Rules> Find(const config::Config& config, const Rules::Rep& named,
                                    std::string_view text, std::string* wrong);

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Rules>, std::less<>> known_;
};

struct Rules::Rep {
  std::vector<std::unique_ptr<SourceText>> texts;  // of inline ACLs and quoted words
  std::vector<Acl> acls;
  std::map<std::string, std::size_t, std::less<>> by_name;
  Hook hooks[static_cast<std::size_t>(config::AclWhen::kCount)];
  std::unique_ptr<CompiledTexts> compiled_texts = std::make_unique<CompiledTexts>();
};

// The text of one ACL, which may call the ACLs of `named`. Whether it may stand in its
// place is left to its evaluation.
std::unique_ptr<const Rules> CompileText(const config::Config& config, const Rules::Rep& named,
                                         std::string text, Diagnostics* diagnostics);

std::string_view NameOf(Verb verb);
std::optional<Verb> FindVerb(std::string_view name);
std::vector<std::string_view> AllVerbs();

}  // namespace signet::acl
#endif
