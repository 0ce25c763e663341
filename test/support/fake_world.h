#ifndef SIGNET_TEST_SUPPORT_FAKE_WORLD_H_
#define SIGNET_TEST_SUPPORT_FAKE_WORLD_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "expand/match.h"
#include "expand/services.h"
#include "src/base/source.h"

namespace signet::test {

// FakeNames knows the lookup types lsearch, dsearch, iplsearch (single key), ldap, ldapm,
// ldapdn, passwd (any text), sqlish and redisish (each with a quoting of its own),
// names (answers are file names) and listed (keys are lists; shown with | between elements), and
// the named lists that a test gives it.
class FakeNames : public expand::Names {
 public:
  FakeNames();
  const expand::LookupType* FindLookup(std::string_view name) const override;
  std::vector<std::string_view> LookupNames() const override;
  std::optional<SourceSpan> FindNamedList(std::string_view kind,
                                          std::string_view name) const override;
  std::optional<expand::ListRef> FindList(std::string_view kind,
                                          std::string_view name) const override;
  std::vector<std::string_view> ListNames(std::string_view kind) const override;
  std::vector<std::string_view> AclNames() const override { return {acls.begin(), acls.end()}; }
  std::vector<std::string> acls;
  // `kind`: "domainlist" and so on.
  void AddList(std::string kind, std::string name, std::string text);

 private:
  std::vector<expand::LookupType> types_;
  struct List {
    std::unique_ptr<SourceText> text;
    std::shared_ptr<const expand::Patterns> patterns;  // compiled when it is first wanted
    expand::ProgramPtr program;
  };
  mutable std::map<std::pair<std::string, std::string>, List> lists_;
};

// FakeServices answers lookups from what a test told it and remembers what was asked.
class FakeServices : public expand::Services {
 public:
  expand::LookupAnswer Lookup(const expand::LookupRequest& request) override;
  expand::LookupAnswer AuthenticateBy(int lookup_handle, std::string_view query) override;
  // Of `acls`: $1 and $2 in a message stand for the arguments, $# for their number.
  expand::AclOutcome CallAcl(std::string_view name, std::vector<Value> arguments,
                             expand::Budget& budget) override;
  std::optional<std::string> Environment(std::string_view name) override;
  std::int64_t Now() override { return now; }
  const expand::Names* names() const override { return known; }
  expand::FileText ReadFile(const std::string& path) override;

  const expand::Names* known = nullptr;
  std::map<std::string, std::string, std::less<>> files;  // by path
  // By the query, or by "key file" of a single-key lookup.
  std::map<std::string, expand::LookupAnswer, std::less<>> answers;
  std::map<std::string, expand::AclOutcome, std::less<>> acls;
  std::map<std::string, std::string, std::less<>> environment;
  std::vector<std::string> asked;
  std::int64_t now = 1795184823;  // Fri, 20 Nov 2026 14:27:03 +0000
};

}  // namespace signet::test
#endif
