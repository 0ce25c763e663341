#include "expand/number.h"

#include <algorithm>
#include <limits>

#include "expand/message.h"
#include "src/base/text.h"

namespace signet::expand {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
// Of the least number, which has no positive one opposite.
constexpr std::uint64_t kLeastMagnitude = std::uint64_t{1} << 63;
constexpr std::int64_t kCountMost = std::int64_t{1} << 62;

// Digits read from the front of *text, as a magnitude; false where they do not fit.
bool TakeDigits(std::string_view* text, std::uint64_t* magnitude,
                std::uint64_t most = static_cast<std::uint64_t>(kMost)) {
  bool fits = true;
  for (; !text->empty() && IsDigit(text->front()); text->remove_prefix(1))
    fits = !__builtin_mul_overflow(*magnitude, std::uint64_t{10}, magnitude) &&
           !__builtin_add_overflow(*magnitude, static_cast<std::uint64_t>(text->front() - '0'),
                                   magnitude) &&
           fits;
  return fits && *magnitude <= most;
}

bool TakeSign(std::string_view* text) {
  bool negative = !text->empty() && text->front() == '-';
  if (negative || (!text->empty() && text->front() == '+')) text->remove_prefix(1);
  return negative;
}

// How far k, m, g shift; -1 where `c` is none of them.
int SuffixShift(char c) {
  switch (ToLower(c)) {
    case 'k':
      return 10;
    case 'm':
      return 20;
    case 'g':
      return 30;
    default:
      return -1;
  }
}

std::string_view TrimLeft(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  return text;
}

}  // namespace

Result<std::int64_t, std::string> ReadComparisonNumber(std::string_view whole) {
  std::string_view text = TrimLeft(whole);
  if (text.empty()) return std::int64_t{0};
  bool negative = TakeSign(&text);
  if (text.empty() || !IsDigit(text.front()))
    return Err{"integer expected but " + InQuotes(whole) + " found"};
  std::uint64_t magnitude = 0;
  bool fits = TakeDigits(&text, &magnitude, kLeastMagnitude - (negative ? 0 : 1));
  int shift = text.empty() ? -1 : SuffixShift(text.front());
  if (shift >= 0) {
    text.remove_prefix(1);
    fits = fits && magnitude <= static_cast<std::uint64_t>(kMost >> shift);
    magnitude <<= shift;
  }
  if (!TrimLeft(text).empty()) return Err{"invalid integer " + InQuotes(whole)};
  if (!fits)
    return Err{"absolute value of integer " + InQuotes(whole) + " is too large (overflow)"};
  return static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude);
}

Result<std::int64_t, std::string> ReadItemNumber(std::string_view whole, Sign sign,
                                                 std::string_view item) {
  std::string_view text = TrimLeft(whole);
  bool negative = TakeSign(&text);
  std::uint64_t magnitude = 0;
  bool fits = TakeDigits(&text, &magnitude);
  bool digits = text.data() != nullptr && text.size() < whole.size() && IsDigit(*(text.data() - 1));
  std::string where = " (in \"" + std::string(item) + "\" expansion)";
  if (!text.empty() || (!digits && !whole.empty()))
    return Err{InQuotes(whole) +
               (sign == Sign::kNone ? " is not a positive number" : " is not a number") + where};
  if (negative && magnitude != 0 && sign == Sign::kNone)
    return Err{InQuotes(whole) + " is not a positive number" + where};
  if (!fits) magnitude = static_cast<std::uint64_t>(kCountMost);
  auto value =
      static_cast<std::int64_t>(std::min(magnitude, static_cast<std::uint64_t>(kCountMost)));
  return negative ? -value : value;
}

std::optional<std::int64_t> ReadFieldNumber(std::string_view text) {
  if (text.empty()) return std::nullopt;
  bool negative = text.front() == '-';
  if (negative) text.remove_prefix(1);
  std::uint64_t magnitude = 0;
  bool fits = TakeDigits(&text, &magnitude);
  if (!text.empty()) return std::nullopt;
  auto value =
      fits ? static_cast<std::int64_t>(std::min(magnitude, static_cast<std::uint64_t>(kCountMost)))
           : kCountMost;
  return negative ? -value : value;
}

std::optional<std::uint64_t> ReadUnsigned(std::string_view whole) {
  std::string_view text = TrimLeft(whole);
  if (text.empty()) return whole.empty() ? std::optional<std::uint64_t>(0) : std::nullopt;
  bool negative = TakeSign(&text);
  if (text.empty() || !std::all_of(text.begin(), text.end(), IsDigit)) return std::nullopt;
  std::uint64_t number = 0;
  for (char c : text)
    if (__builtin_mul_overflow(number, std::uint64_t{10}, &number) ||
        __builtin_add_overflow(number, static_cast<std::uint64_t>(c - '0'), &number))
      return std::numeric_limits<std::uint64_t>::max();
  return negative ? 0 - number : number;
}

std::string WriteInBase(std::uint64_t number, std::string_view alphabet) {
  std::string digits;
  for (; number > 0; number /= alphabet.size()) digits += alphabet[number % alphabet.size()];
  std::reverse(digits.begin(), digits.end());
  return digits;
}

std::optional<std::uint64_t> ReadInBase(std::string_view text, std::string_view alphabet) {
  std::uint64_t number = 0;
  for (char c : text) {
    std::size_t digit = alphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    number = number * alphabet.size() + digit;
  }
  return number;
}

bool IsPlainInteger(std::string_view text) {
  if (text.empty()) return false;
  if (text.front() == '-') text.remove_prefix(1);
  return std::all_of(text.begin(), text.end(), IsDigit);
}

bool IsZero(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c == '0' || c == '-'; });
}

// --- arithmetic ----------------------------------------------------------------------
namespace {

// Recursive descent, one function per precedence level, as in the manual's table. Depth is
// bounded: parentheses and unary operators count.
class Arithmetic {
 public:
  Arithmetic(std::string_view text, Radix radix) : text_(text), radix_(radix) {}

  Result<std::int64_t, std::string> Run() {
    std::int64_t value = Or();
    if (error_ == nullptr && at_ < text_.size()) Error("expecting operator");
    if (error_ != nullptr)
      return Err{std::string("error in expression evaluation: ") + error_ + " (after processing " +
                 InQuotes(text_.substr(0, error_at_)) + ")"};
    return value;
  }

 private:
  static constexpr int kMostNesting = 100;
  static constexpr std::int64_t kHalf = (std::int64_t{1} << 62) - 1;

  void Error(const char* what) {
    if (error_ == nullptr) {
      error_ = what;
      error_at_ = at_;
    }
  }
  void SkipSpace() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
  }
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool Accept(char c) {
    if (error_ != nullptr || at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool AcceptTwice(char c) {
    if (error_ != nullptr || text_.substr(at_, 2) != std::string(2, c)) return false;
    at_ += 2;
    return true;
  }

  std::int64_t Or() {
    std::int64_t x = Xor();
    while (Accept('|')) x |= Xor();
    return x;
  }
  std::int64_t Xor() {
    std::int64_t x = And();
    while (Accept('^')) x ^= And();
    return x;
  }
  std::int64_t And() {
    std::int64_t x = Shift();
    while (Accept('&')) x &= Shift();
    return x;
  }
  std::int64_t Shift() {
    std::int64_t x = Sum();
    for (;;) {
      bool left = AcceptTwice('<');
      if (!left && !AcceptTwice('>')) return x;
      std::int64_t count = Sum();
      if (error_ == nullptr && (count < 0 || count > 63)) Error("shift count out of range");
      if (error_ != nullptr) return 0;
      x = left ? static_cast<std::int64_t>(static_cast<std::uint64_t>(x) << count) : x >> count;
    }
  }
  // Exim's check, of sums and differences alike, which refuses more than it needs to.
  static bool IsRefused(std::int64_t x, std::int64_t y) {
    return x >= kHalf || (x <= -kHalf && y <= -kHalf);
  }
  std::int64_t Sum() {
    std::int64_t x = Product();
    for (;;) {
      if (Accept('+')) {
        std::int64_t y = Product();
        if (error_ == nullptr && IsRefused(x, y)) Error("overflow in sum");
        if (error_ != nullptr || __builtin_add_overflow(x, y, &x))
          return Error("overflow in sum"), 0;
      } else if (Accept('-')) {
        std::int64_t y = Product();
        if (error_ == nullptr && IsRefused(x, y)) Error("overflow in difference");
        if (error_ != nullptr || __builtin_sub_overflow(x, y, &x))
          return Error("overflow in difference"), 0;
      } else {
        return x;
      }
    }
  }
  std::int64_t Product() {
    std::int64_t x = Unary();
    for (;;) {
      if (Accept('*')) {
        x = static_cast<std::int64_t>(static_cast<std::uint64_t>(x) *
                                      static_cast<std::uint64_t>(Unary()));
      } else if (Accept('/')) {
        x = Divide(x, Unary(), "divide by zero");
      } else if (Accept('%')) {
        std::int64_t y = Unary();
        x = y == -1 ? 0 : (Divide(x, y, "modulo by zero"), y == 0 ? 0 : x % y);
      } else {
        return x;
      }
    }
  }
  std::int64_t Divide(std::int64_t x, std::int64_t y, const char* by_zero) {
    if (error_ == nullptr && y == 0) Error(by_zero);
    if (error_ != nullptr) return 0;
    if (y == -1) return static_cast<std::int64_t>(0 - static_cast<std::uint64_t>(x));
    return x / y;
  }
  std::int64_t Unary() {
    SkipSpace();
    if (++nesting_ > kMostNesting) Error("expression is nested too deeply");
    std::int64_t x = 0;
    if (error_ != nullptr) {
      // Whatever was wrong stays the message.
    } else if (Accept('-')) {
      x = static_cast<std::int64_t>(0 - static_cast<std::uint64_t>(Unary()));
    } else if (Accept('+')) {
      x = Unary();
    } else if (Accept('~')) {
      x = ~Unary();
    } else if (Accept('(')) {
      x = Or();
      if (!Accept(')')) Error("expecting closing parenthesis");
    } else {
      x = Number();
    }
    --nesting_;
    if (error_ == nullptr) SkipSpace();
    return x;
  }

  std::int64_t Number() {
    if (!IsDigit(Peek())) return Error("expecting number or opening parenthesis"), 0;
    std::uint64_t base = 10;
    if (radix_ == Radix::kAny && Peek() == '0') {
      base = 8;
      if (at_ + 2 < text_.size() + 1 && ToLower(text_.substr(at_, 2).back()) == 'x' &&
          at_ + 2 < text_.size() && DigitValue(text_[at_ + 2]) < 16) {
        base = 16;
        at_ += 2;
      }
    }
    std::uint64_t value = 0;
    for (; at_ < text_.size() && DigitValue(text_[at_]) < base; ++at_)
      if (__builtin_mul_overflow(value, base, &value) ||
          __builtin_add_overflow(value, DigitValue(text_[at_]), &value) ||
          value > static_cast<std::uint64_t>(kMost))
        value = static_cast<std::uint64_t>(kMost);
    int shift = SuffixShift(Peek());
    if (shift < 0) return static_cast<std::int64_t>(value);
    ++at_;
    return value > static_cast<std::uint64_t>(kMost >> shift)
               ? kMost
               : static_cast<std::int64_t>(value << shift);
  }
  static std::uint64_t DigitValue(char c) {
    if (IsDigit(c)) return static_cast<std::uint64_t>(c - '0');
    char l = ToLower(c);
    return l >= 'a' && l <= 'f' ? static_cast<std::uint64_t>(l - 'a' + 10) : 99;
  }

  std::string_view text_;
  Radix radix_;
  std::size_t at_ = 0;
  int nesting_ = 0;
  const char* error_ = nullptr;
  std::size_t error_at_ = 0;
};

}  // namespace

Result<std::int64_t, std::string> EvaluateArithmetic(std::string_view text, Radix radix) {
  return Arithmetic(text, radix).Run();
}

}  // namespace signet::expand
