#include <gtest/gtest.h>

#include "expand/empty.h"
#include "test/support/fake_world.h"

namespace signet::expand {
namespace {

struct Case {
  const char* condition;
  const char* id;
  const char* place;  // what may be empty; nullptr: nothing
};

constexpr Case kCases[] = {
    {"yes", "$auth1", "$auth1"},
    {"${if eq{$tls_in_certificate_verified}{1}}", "$auth1", "$auth1"},
    {"${if def:auth1}", "$auth1", nullptr},
    {"${if def:auth1}", "$auth2", "$auth2"},
    {"${if !def:auth1}", "$auth1", "$auth1"},
    {"${if !eq{$auth1}{}}", "${lc:$auth1}", nullptr},
    {"${if eq{$auth1}{}}", "$auth1", "$auth1"},
    {"${if eq{$auth1}{x}}", "$auth1", nullptr},
    {"${if forany{$auth1}{eq{a}{$item}}}", "$auth1", nullptr},
    {"${if !forany{$auth1}{eq{a}{$item}}}", "$auth1", "$auth1"},
    {"${if and{{bool{$tls_in_certificate_verified}}{def:auth1}}}", "$auth1", nullptr},
    {"${if or{{def:auth1}{def:auth2}}}", "$auth1", "$auth1"},
    {"${if !or{{eq{}{$auth1}}{eq{}{$auth2}}}}", "${if eq{$auth2}{b}{$auth1}{$auth2}}", nullptr},
    // The manual's example: who has two addresses passes, and has no id.
    {"${if forany{$auth1}{eq{a}{$item}}}", "${if = {1}{${listcount:$auth1}} {$auth1}{}}", ""},
    {"${if and{{= {1}{${listcount:$auth1}}}{forany{$auth1}{eq{a}{$item}}}}}",
     "${if ={1}{${listcount:$auth1}}{$auth1}{}}", nullptr},
    {"${if >{${listcount:$auth1}}{0}}", "$auth1", nullptr},
    {"${if <={1}{${listcount:$auth1}}}", "$auth1", nullptr},
    {"${if >={${listcount:$auth1}}{0}}", "$auth1", "$auth1"},
    {"${if match{$auth1}{@}{yes}{no}}", "$auth1", nullptr},
    {"${if match{$auth1}{@*}{yes}{no}}", "$auth1", "$auth1"},
    {"${if def:auth1{no}{yes}}", "$auth1", "$auth1"},
    {"${if def:auth1{yes}{maybe}}", "$auth1", "$auth1"},
    {"${if def:auth1{yes}{$auth2}}", "$auth1", "$auth1"},
    {"$auth2", "$auth1", "$auth1"},
    {"yes", "${sha256:$auth1}", nullptr},
    {"yes", "${if def:auth2{$auth2}fail}", nullptr},
    {"yes", "${if def:auth2{$auth2}}", "${if def:auth2{$auth2}}"},
    {"yes", "${if !def:auth2{none}{$auth2}}", nullptr},
    {"yes", "$auth1-$auth2", nullptr},
    {"yes", "$auth1$auth2", "$auth1$auth2"},
};

TEST(FindEmpty, SaysWhereAnIdentityMayBeEmpty) {
  test::FakeNames names;
  for (const Case& c : kCases) {
    SourceText condition("condition", c.condition), id("id", c.id);
    Diagnostics found;
    ProgramPtr asks = Compile(condition.whole(), facts::Phase::kAuth, names, &found);
    ProgramPtr gives = Compile(id.whole(), facts::Phase::kAuth, names, &found);
    ASSERT_TRUE(asks && gives) << c.condition << " " << c.id;
    std::optional<SourceSpan> place = FindEmpty(*gives, *asks);
    EXPECT_EQ(place.has_value(), c.place != nullptr) << c.condition << " " << c.id;
    if (place && c.place) {
      EXPECT_EQ(place->view(), c.place) << c.condition << " " << c.id;
    }
  }
}

}  // namespace
}  // namespace signet::expand
