#include <gtest/gtest.h>

#include "src/acl/acl.h"
#include "test/support/policy.h"

namespace signet::acl {
namespace {

using config::AclWhen;
using testing::Policy;

// Whether a DATA ACL "a" may change the header, beside an ACL "b".
bool MayChange(std::string_view a, std::string_view b = "accept", std::string_view option = "a") {
  Policy policy;
  policy.Acl("a", a);
  policy.Acl("b", b);
  policy.AclOption(AclWhen::kData, std::string(option));
  Diagnostics diagnostics;
  auto rules = Compile(policy.config, policy.names(), &diagnostics);
  EXPECT_EQ(testing::Summary(diagnostics), "");
  return MayChangeHeader(*rules, policy.config, AclWhen::kData);
}

TEST(MayChangeHeader, WhereAnAclAddsAField) {
  EXPECT_FALSE(MayChange("accept"));
  EXPECT_FALSE(MayChange("deny condition = ${if eq{$h_subject:}{x}}\naccept"));
  EXPECT_TRUE(MayChange("warn condition = no\n add_header = X: y\naccept"));
}

TEST(MayChangeHeader, WhereAnAclThatItCallsDoes) {
  EXPECT_FALSE(MayChange("accept acl = b"));
  EXPECT_TRUE(MayChange("accept acl = b", "accept add_header = X: y"));
  EXPECT_FALSE(MayChange("accept", "accept add_header = X: y"));
}

TEST(MayChangeHeader, WhereNobodyKnowsWhatIsCalled) {
  EXPECT_TRUE(MayChange("accept acl = $acl_m_x"));
  EXPECT_TRUE(MayChange("accept condition = ${acl{b}}"));
  EXPECT_TRUE(MayChange("accept", "accept", "${if eq{$acl_c_x}{}{a}{b}}"));
}

TEST(MayChangeHeader, NotWhereThereIsNoAcl) {
  Policy policy;
  Diagnostics diagnostics;
  auto rules = Compile(policy.config, policy.names(), &diagnostics);
  EXPECT_FALSE(MayChangeHeader(*rules, policy.config, AclWhen::kData));
}

}  // namespace
}  // namespace signet::acl
