#include "expand/lookup_word.h"

#include <gtest/gtest.h>

#include <vector>

#include "test/support/fake_world.h"

namespace signet::expand {
namespace {

// "key<$1|$2>" for each key to try; without <> where $1 and $2 stay as they are.
std::vector<std::string> Keys(std::string_view type, std::string_view key) {
  LookupWord word;
  EXPECT_EQ(ReadLookupWord(type, &word), "");
  std::vector<std::string> all;
  LookupKeys keys(word, key);
  while (keys.Next()) {
    const LookupKeys::Parts& parts = keys.parts();
    std::string shown(keys.key());
    if (parts.present) {
      shown += "<" + std::string(key.substr(0, parts.wild_end)) + "|";
      shown += std::string(key.substr(parts.fixed_begin)) + ">";
    }
    all.push_back(shown);
  }
  EXPECT_FALSE(keys.Next());
  return all;
}

using List = std::vector<std::string>;

TEST(LookupKeys, AreTheKeyItselfForAPlainType) {
  EXPECT_EQ(Keys("lsearch", "a.b@c"), List{"a.b@c"});
  EXPECT_EQ(Keys("lsearch,ret=full", "a.b@c"), List{"a.b@c"});
}

TEST(LookupKeys, OfPartialMatchingDropLeadingComponents) {
  EXPECT_EQ(Keys("partial-x", "a.b.c"), (List{"a.b.c<|a.b.c>", "*.a.b.c<|a.b.c>", "*.b.c<a|b.c>"}));
  EXPECT_EQ(Keys("partial3-x", "a.b.c"), (List{"a.b.c<|a.b.c>", "*.a.b.c<|a.b.c>"}));
  EXPECT_EQ(Keys("partial-x", "a"), (List{"a<|a>", "*.a<|a>"}));
  EXPECT_EQ(Keys("partial1(.)x", "a.b"), (List{"a.b<|a.b>", ".a.b<|a.b>", ".b<a|b>"}));
  EXPECT_EQ(Keys("partial1()x", "a.b"), (List{"a.b<|a.b>", "b<a|b>"}));
  EXPECT_EQ(Keys("partial1-x", ".a."), (List{".a.<|.a.>", "*..a.<|.a.>", "*.a.<|a.>", "*.<.a|>"}));
}

TEST(LookupKeys, OfPartial0EndWithTheAffixAlone) {
  EXPECT_EQ(Keys("partial0-x", "a.b"), (List{"a.b<|a.b>", "*.a.b<|a.b>", "*.b<a|b>", "*<a.b|>"}));
  EXPECT_EQ(Keys("partial0(.)x", "a"), (List{"a<|a>", ".a<|a>", ".<a|>"}));
  EXPECT_EQ(Keys("partial0(*@)x", "a"), (List{"a<|a>", "*@a<|a>", "*@<a|>"}));
  EXPECT_EQ(Keys("partial0()x", "a"), List{"a<|a>"});
}

TEST(LookupKeys, OfDefaultsComeLast) {
  EXPECT_EQ(Keys("x*", "a@b"), (List{"a@b", "*<a@b|>"}));
  EXPECT_EQ(Keys("x*@", "a@b@c"), (List{"a@b@c", "*@c<a@b|>", "*<a@b@c|>"}));
  EXPECT_EQ(Keys("x*@", "@c"), (List{"@c", "*<@c|>"}));
  EXPECT_EQ(Keys("x*@", "c"), (List{"c", "*<c|>"}));
  EXPECT_EQ(Keys("partial2-x*@,o=1", "u@a.b.c"),
            (List{"u@a.b.c<|u@a.b.c>", "*.u@a.b.c<|u@a.b.c>", "*.b.c<u@a|b.c>", "*@a.b.c<u|>",
                  "*<u@a.b.c|>"}));
}

std::string WrongWith(std::string_view text) {
  LookupWord word;
  return ReadLookupWord(text, &word);
}

TEST(LookupWord, WithoutItsAffixIsMalformed) {
  for (const char* text : {"partial", "partial2", "partialx-lsearch", "partial(lsearch",
                           "partial(a)lsearch", "partial2lsearch", "partial( )lsearch"})
    EXPECT_EQ(WrongWith(text), "format error in lookup type \"" + std::string(text) + "\"");
}

TEST(LookupWord, IsReadIntoItsParts) {
  LookupWord word;
  ASSERT_EQ(ReadLookupWord("partial99999999999999999999(+;)cdb*@,ret=key,cache=no", &word), "");
  EXPECT_EQ(word.name, "cdb");
  EXPECT_EQ(word.plain, "cdb*@,ret=key,cache=no");
  EXPECT_EQ(word.options, "ret=key,cache=no");
  EXPECT_EQ(word.affix, "+;");
  EXPECT_EQ(word.least, 1'000'000u);
  EXPECT_EQ(word.otherwise, LookupWord::kStarAt);
}

std::string FindError(std::string_view text) {
  LookupWord word;
  std::string wrong = ReadLookupWord(text, &word), hint;
  const test::FakeNames names;
  const LookupType* type = FindLookupType(names, word, &wrong, &hint);
  return type != nullptr ? std::string(type->name) : wrong + (hint.empty() ? "" : "; " + hint);
}

TEST(LookupWord, NamesATypeThatHasKeysToVary) {
  EXPECT_EQ(FindError("partial-lsearch*@,a=b"), "lsearch");
  EXPECT_EQ(FindError("passwd,a=b"), "passwd");
  EXPECT_EQ(FindError("lsaerch*,a"), "unknown lookup type \"lsaerch\"; did you mean \"lsearch\"?");
  EXPECT_EQ(FindError("passwd*,a=b"),
            "defaults using \"*\" or \"*@\" are not permitted for lookup type \"passwd*,a=b\"");
  EXPECT_EQ(FindError("partial-passwd,a=b"),
            "\"partial\" is not permitted for lookup type \"passwd,a=b\"");
}

}  // namespace
}  // namespace signet::expand
