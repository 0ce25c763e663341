#include "expand/list.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "expand/expand.h"
#include "src/base/limits.h"

namespace signet::expand {
namespace {

// A value whose parts came from different places, in order.
Value Made(std::initializer_list<std::pair<std::string, Origins>> parts) {
  Value value;
  for (const auto& [text, origins] : parts) {
    value.text += text;
    if (!text.empty())
      value.segments.push_back({static_cast<std::uint32_t>(value.text.size()), origins});
  }
  return value;
}

std::vector<std::string> TextsOf(const std::vector<ListElement>& elements) {
  std::vector<std::string> texts;
  for (const ListElement& e : elements) texts.push_back(e.text);
  return texts;
}

using Texts = std::vector<std::string>;

// Random octets that are mostly ones that lists care about.
std::string RandomName(std::mt19937& random) {
  constexpr std::string_view kInteresting = ":;,<>!+/\\ \t\n\r*@=$%{}\"'a";
  std::string name;
  std::size_t size = 1 + random() % 12;
  for (std::size_t i = 0; i < size; ++i)
    name += random() % 4 == 0 ? static_cast<char>(random() % 256)
                              : kInteresting[random() % kInteresting.size()];
  return name;
}

TEST(SplitListTest, SplitsAsEximDoes) {
  EXPECT_EQ(TextsOf(SplitList(Value("a: b :c"))), (Texts{"a", "b", "c"}));
  EXPECT_EQ(TextsOf(SplitList(Value("a::b:c"))), (Texts{"a:b", "c"}));
  EXPECT_EQ(TextsOf(SplitList(Value("a:::b"))), (Texts{"a:", "b"}));
  EXPECT_EQ(TextsOf(SplitList(Value("::::a"))), (Texts{"::a"}));
  EXPECT_EQ(TextsOf(SplitList(Value(":"))), (Texts{""}));
  EXPECT_EQ(TextsOf(SplitList(Value("a: :c:"))), (Texts{"a", "", "c"}));
  EXPECT_EQ(TextsOf(SplitList(Value(" "))), (Texts{}));
  EXPECT_EQ(TextsOf(SplitList(Value("<; a; b:c"))), (Texts{"a", "b:c"}));
  EXPECT_EQ(TextsOf(SplitList(Value("<\na\n\nb"))), (Texts{"a", "", "b"}));
  EXPECT_EQ(TextsOf(SplitList(Value("<xaxb"))), (Texts{"<xaxb"}));
}

TEST(SplitListTest, RuleI7OctetsOfAClientOrCertificateAreNeverStructure) {
  for (Origins origin : {kFromClient, kFromCertificate, kFromUpstream}) {
    EXPECT_EQ(TextsOf(SplitList(Value("<;a;b:c", origin))), (Texts{"<;a;b:c"}));
    EXPECT_EQ(TextsOf(SplitList(Value(" a : b ", origin))), (Texts{" a : b "}));
    EXPECT_EQ(TextsOf(SplitList(Made({{"x:", 0}, {"a:b", origin}, {" : y", 0}}))),
              (Texts{"x", "a:b", "y"}));
    // Half of a doubled separator does not escape the other half.
    EXPECT_EQ(TextsOf(SplitList(Made({{"x:", 0}, {":y", origin}}))), (Texts{"x", ":y"}));
    EXPECT_EQ(TextsOf(SplitList(Made({{"<", 0}, {";a;b", origin}}))), (Texts{"<;a;b"}));
  }
}

TEST(SplitListTest, RuleE2TextOfADirectoryIsSplitButDeclaresNoSeparator) {
  EXPECT_EQ(TextsOf(SplitList(Value("a : b", kFromDirectory))), (Texts{"a", "b"}));
  EXPECT_EQ(TextsOf(SplitList(Value("<;a;b", kFromDirectory))), (Texts{"<;a;b"}));
  EXPECT_EQ(TextsOf(SplitList(Made({{"<;", 0}, {"a;b", kFromDirectory}}))), (Texts{"a", "b"}));
}

TEST(SplitListTest, AnAtomIsOneElementWhateverItsOrigin) {
  Value value("<: a:b");
  value.segments = {{3}, {6, kFromDirectory}};
  EXPECT_EQ(TextsOf(SplitList(value)), (Texts{"a", "b"}));
  value.segments[1].atom = true;
  EXPECT_EQ(TextsOf(SplitList(value)), (Texts{"a:b"}));
}

TEST(SplitListTest, RuleI7AListByConstructionKeepsItsElements) {
  Value value;
  value.is_list = true;
  value.elements = {"a:b", "", " c ", "<;d"};
  value.element_origins = kFromCertificate;
  EXPECT_EQ(TextsOf(SplitList(value)), (Texts{"a:b", "", " c ", "<;d"}));
}

TEST(SplitListTest, ElementsKnowWhereTheirOctetsCameFrom) {
  auto elements = SplitList(Made({{"a: *@", 0}, {"evil.test", kFromClient}}));
  ASSERT_EQ(elements.size(), 2u);
  EXPECT_EQ(elements[0].origins, kFromAdministrator);
  EXPECT_EQ(elements[1].origins, kFromClient);
  ASSERT_EQ(elements[1].segments.size(), 2u);
  EXPECT_EQ(elements[1].segments[0], (Segment{2, kFromAdministrator}));
  EXPECT_EQ(elements[1].segments[1], (Segment{11, kFromClient}));
}

// The form for display, joined into other text and split again, gives the names back.
TEST(DisplayTest, RuleI7RandomNamesSurviveDisplayAndSplitting) {
  std::mt19937 random(20261120);
  for (int round = 0; round < 3000; ++round) {
    char separator = ":;,\n|"[random() % 5];
    std::vector<std::string> names;
    for (std::size_t n = 1 + random() % 5; n > 0; --n) {
      names.push_back(RandomName(random));
      // Control octets cannot stand doubled; certificate names hold none.
      if (separator == '\n') std::erase(names.back(), '\n');
      if (names.back().empty()) names.back() = "x";
    }
    std::vector<Segment> segments(names.size());
    std::vector<Text> elements;
    for (std::size_t n = 0; n < names.size(); ++n) {
      segments[n] = {static_cast<std::uint32_t>(names[n].size()), kFromCertificate};
      elements.push_back({names[n], {&segments[n], 1}});
    }
    std::pmr::monotonic_buffer_resource arena;
    for (ListStyle style : {ListStyle::kBuilt, ListStyle::kFields}) {
      Text shown = Display(elements, separator, style, &arena);
      Value joined(std::string("<") + separator + "first" + separator);
      auto front = static_cast<std::uint32_t>(joined.text.size());
      joined.segments.push_back({front});
      joined.text += shown.text;
      for (Segment s : shown.segments) {
        s.end += front;
        joined.segments.push_back(s);
      }
      auto again = TextsOf(SplitList(joined));
      ASSERT_EQ(again.size(), names.size() + 1) << "round " << round;
      again.erase(again.begin());
      // What map writes before an element that begins with the separator is a blank of
      // ours, which splitting drops.
      ASSERT_EQ(again, names) << "round " << round;
    }
  }
}

// NUL in Segment::doubled means "nothing", so a list with NUL for its separator once lost
// one of two NULs that a client had sent.
TEST(SplitListTest, RuleI7KeepsEveryOctetWhereNulSeparates) {
  const std::string octets("a\0\0b", 4);
  Value list = Made({{std::string("<\0", 2), kFromAdministrator}, {octets, kFromClient}});
  EXPECT_EQ(TextsOf(SplitList(list)), Texts{octets});
}

TEST(SplitTest, StopsAtTheLimitOfElements) {
  std::pmr::monotonic_buffer_resource arena;
  Elements elements(&arena);
  char separator;
  EXPECT_TRUE(Split({"a:b:c", {}}, 3, &arena, &elements, &separator));
  elements.clear();
  EXPECT_FALSE(Split({"a:b:c:d", {}}, 3, &arena, &elements, &separator));
  EXPECT_EQ(elements.size(), 3u);
}

TEST(SplitTest, ManyRunsTakeLinearTime) {
  Value value;
  for (int i = 0; i < 50'000; ++i) {
    value.text += i % 2 == 0 ? "a" : ":";
    value.segments.push_back(
        {static_cast<std::uint32_t>(i + 1), i % 2 == 0 ? Origins{kFromClient} : Origins{0}});
  }
  std::pmr::monotonic_buffer_resource arena;
  Elements elements(&arena);
  char separator;
  EXPECT_TRUE(Split({value.text, value.segments}, 30'000, &arena, &elements, &separator));
  EXPECT_EQ(elements.size(), 25'000u);
}

TEST(PartOfTest, KeepsTheSegmentsOfItsOctets) {
  std::vector<Segment> segments{{2, kFromClient}, {4, kFromAdministrator}, {6, kFromDirectory}};
  std::pmr::monotonic_buffer_resource arena;
  Text part = PartOf({"aabbcc", segments}, 1, 5, &arena);
  EXPECT_EQ(part.text, "abbc");
  ASSERT_EQ(part.segments.size(), 3u);
  EXPECT_EQ(part.segments[0], (Segment{1, kFromClient}));
  EXPECT_EQ(part.segments[2], (Segment{4, kFromDirectory}));
  EXPECT_EQ(PartOf({"aabbcc", segments}, 9, 12, &arena).text, "");
}

// Half an escape at the end of a part would take the next octet with it.
TEST(PartOfTest, RuleL1APartOfQuotedTextIsNotQuoted) {
  std::vector<Segment> segments{{3, kFromClient, Quote::kLdapDn}, {6, kFromClient, Quote::kLdapDn}};
  std::pmr::monotonic_buffer_resource arena;
  Text whole = PartOf({"%5C%2C", segments}, 0, 6, &arena);
  EXPECT_EQ(whole.segments[0].quote, Quote::kLdapDn);
  EXPECT_EQ(whole.segments[1].quote, Quote::kLdapDn);
  Text front = PartOf({"%5C%2C", segments}, 0, 4, &arena);
  EXPECT_EQ(front.segments[0].quote, Quote::kLdapDn);
  EXPECT_EQ(front.segments[1].quote, Quote::kNone);
  EXPECT_EQ(PartOf({"%5C%2C", segments}, 1, 3, &arena).segments[0].quote, Quote::kNone);
}

}  // namespace
}  // namespace signet::expand
