#ifndef SIGNET_TEST_SUPPORT_POLICY_H_
#define SIGNET_TEST_SUPPORT_POLICY_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "src/config/config.h"
#include "src/config/match.h"

// What tests of lists, ACLs and routes need: a configuration made piece by piece, and a
// world without directories.
namespace signet::testing {

// Knows "lsearch" (single key, absolute file) and "ldap" (query, wants quoting), and the
// named lists of a configuration.
class FakeNames : public expand::Names {
 public:
  explicit FakeNames(const config::Config* config) : config_(config) {}
  const expand::LookupType* FindLookup(std::string_view name) const override;
  std::vector<std::string_view> LookupNames() const override;
  std::vector<std::string_view> AclNames() const override;
  std::optional<SourceSpan> FindNamedList(std::string_view kind,
                                          std::string_view name) const override;
  std::optional<expand::ListRef> FindList(std::string_view kind,
                                          std::string_view name) const override;
  std::vector<std::string_view> ListNames(std::string_view kind) const override;

 private:
  const config::Config* config_;
};

// Answers by "key@file" or by query; everything else is not found.
class FakeServices : public expand::Services {
 public:
  std::map<std::string, expand::LookupAnswer> answers;
  std::vector<std::string> asked;
  void Find(const std::string& what, const std::string& value) {
    answers[what] = {expand::LookupAnswer::kFound, value};
  }
  void Defer(const std::string& what, const std::string& reason) {
    answers[what] = {expand::LookupAnswer::kDeferred, reason};
  }

  std::function<expand::AclOutcome(std::string_view, std::vector<Value>)> call_acl;
  expand::AclOutcome CallAcl(std::string_view name, std::vector<Value> arguments,
                             expand::Budget&) override {
    return call_acl ? call_acl(name, std::move(arguments)) : expand::AclOutcome();
  }

  expand::LookupAnswer Lookup(const expand::LookupRequest& request) override;
  expand::LookupAnswer AuthenticateBy(int lookup_handle, std::string_view query) override;
  std::int64_t Now() override { return 1'700'000'000; }
};

class Policy {
 public:
  Policy();

  // Text of the configuration, at "test.conf".
  SourceSpan Text(std::string text);
  // Compiled; a mistake in it is a failed check, unless *diagnostics takes it.
  config::Expanded Expanded(std::string text, Diagnostics* diagnostics = nullptr);

  void NamedList(std::string kind, std::string name, std::string text);
  void Acl(std::string name, std::string_view lines);
  void AclOption(config::AclWhen when, std::string text);
  config::Router& Router(std::string name, config::RouterDriver driver, std::string transport);
  config::Transport& Transport(std::string name, config::TransportDriver driver);

  const expand::Names& names() const { return *config.names; }
  config::MatchContext Context() { return {config, session, services, budget}; }

  config::Config config;
  facts::Session session;
  FakeServices services;
  expand::Budget budget;
};

// Errors and warnings as one text, one a line: "error: message; hint".
std::string Summary(const Diagnostics& diagnostics);

}  // namespace signet::testing
#endif
