#ifndef SIGNET_TEST_SUPPORT_EXPRESSIONS_H_
#define SIGNET_TEST_SUPPORT_EXPRESSIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace signet::test {

// Makes texts of the expansion language by a grammar, from a seed: the same ones on every
// machine. Most are well formed; they are made of few and awkward octets, so that parts meet:
// separators, quotes, blanks, "<", backslashes, octets above 127, nothing at all. Some are
// damaged afterwards by an octet too few or too many.
class ExpressionMaker {
 public:
  explicit ExpressionMaker(std::uint64_t seed) : state_(seed) {}
  std::string Make();

 private:
  std::uint64_t Next();
  std::size_t Below(std::size_t n) { return static_cast<std::size_t>(Next() % n); }
  bool Chance(unsigned percent) { return Below(100) < percent; }
  std::string_view Any(const std::vector<std::string_view>& choices) {
    return choices[Below(choices.size())];
  }

  // What stands between braces; no "}" in it that would end them.
  std::string Text(int depth);
  std::string Word();
  std::string Number(int depth);
  std::string LargeNumber();
  std::string List(int depth);
  std::string Fields(int depth);
  std::string Json(bool object);
  std::string Regex(int depth);
  std::string Arithmetic(int depth);
  std::string Operand(std::string_view kind, int depth);
  std::string Tail(int depth);
  std::string Blank() { return Chance(8) ? std::string(Any({" ", "  ", "\t"})) : std::string(); }
  std::string Braced(const std::string& text) { return Blank() + "{" + text + "}"; }

  std::string Expression(int depth);
  std::string Variable();
  std::string Operator(int depth);
  std::string Item(int depth);
  std::string Condition(int depth);
  std::string Damaged(std::string text);

  std::uint64_t state_;
};

// How often a text uses an operator, item or condition, by the look of it.
std::size_t CountUses(std::string_view text, std::string_view table, std::string_view name);

}  // namespace signet::test
#endif
