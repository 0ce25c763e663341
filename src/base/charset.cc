#include "src/base/charset.h"

#include <iconv.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <optional>
#include <vector>

#include "src/base/codec.h"
#include "src/base/limits.h"
#include "src/base/text.h"

namespace signet {
namespace {

constexpr char kUpperHex[] = "0123456789ABCDEF";

void AppendUtf8(char32_t c, std::string* out) {
  if (c < 0x80) {
    *out += static_cast<char>(c);
    return;
  }
  int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  constexpr unsigned char kLead[] = {0, 0xc0, 0xe0, 0xf0};
  *out += static_cast<char>(kLead[more] | (c >> (6 * more)));
  for (int n = more - 1; n >= 0; --n) *out += static_cast<char>(0x80 | ((c >> (6 * n)) & 0x3f));
}

// The character that the valid sequence `text` stands for.
char32_t CharacterOf(std::string_view text) {
  auto lead = static_cast<unsigned char>(text[0]);
  if (text.size() == 1) return lead;
  char32_t c = lead & (0xff >> (text.size() + 1));
  for (char octet : text.substr(1)) c = c << 6 | (static_cast<unsigned char>(octet) & 0x3f);
  return c;
}

// The characters of a text, or nullopt where it is not UTF-8.
std::optional<std::vector<char32_t>> CharactersOf(std::string_view text) {
  std::vector<char32_t> characters;
  while (!text.empty()) {
    Utf8Step step = StepUtf8(text);
    if (!step.valid) return std::nullopt;
    characters.push_back(CharacterOf(text.substr(0, step.octets)));
    text.remove_prefix(step.octets);
  }
  return characters;
}

}  // namespace

// --- UTF-8 -----------------------------------------------------------------------------

Utf8Step StepUtf8(std::string_view text) {
  auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char lead = at(0);
  if (lead < 0x80) return {1, true};
  std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf7) return {1, false};
  for (std::size_t i = 1; i < length; ++i)
    if (i >= text.size() || (at(i) & 0xc0) != 0x80) return {i, false};
  bool valid = IsValidUtf8(text.substr(0, length));
  return {length, valid};
}

std::string CleanUtf8(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    Utf8Step step = StepUtf8(text);
    clean += step.valid ? text.substr(0, step.octets) : "?";
    text.remove_prefix(step.octets);
  }
  return clean;
}

std::string Utf8ToLatin1(std::string_view text) {
  std::string latin;
  while (!text.empty()) {
    Utf8Step step = StepUtf8(text);
    char32_t c = step.valid ? CharacterOf(text.substr(0, step.octets)) : 0x100;
    latin += c < 0x100 ? static_cast<char>(c) : '_';
    text.remove_prefix(step.octets);
  }
  return latin;
}

// --- RFC 2047 --------------------------------------------------------------------------
namespace {

constexpr std::string_view kWordBegin = "=?UTF-8?Q?";
constexpr std::size_t kWordMaxBytes = 75;  // RFC 2047 section 2
// A word ends where it holds so much; the first may be as long as a header's name is short.
constexpr std::size_t kFirstWordEnough = 68, kWordEnough = 58;

bool WantsEncoding(char c) {
  return c < '!' || c > '~' || std::string_view("?=()<>@,;:\\\".[]_").find(c) != std::string::npos;
}

// Character sets whose converters may be used for text from outside.
constexpr std::string_view kKnownSets[] = {
    "ascii",        "big5",         "cp1250",       "cp1251",       "cp1252",       "cp437",
    "cp850",        "cp866",        "euc-jp",       "euc-kr",       "gb18030",      "gb2312",
    "gbk",          "iso-2022-jp",  "iso-8859-1",   "iso-8859-10",  "iso-8859-11",  "iso-8859-13",
    "iso-8859-14",  "iso-8859-15",  "iso-8859-16",  "iso-8859-2",   "iso-8859-3",   "iso-8859-4",
    "iso-8859-5",   "iso-8859-6",   "iso-8859-7",   "iso-8859-8",   "iso-8859-9",   "koi8-r",
    "koi8-u",       "latin1",       "shift_jis",    "tis-620",      "us-ascii",     "utf-16",
    "utf-16be",     "utf-16le",     "utf-32",       "windows-1250", "windows-1251", "windows-1252",
    "windows-1253", "windows-1254", "windows-1255", "windows-1256", "windows-1257", "windows-1258",
    "windows-31j",
};

// `octets` of a character set in UTF-8; false where the set is not known. What the set
// does not have becomes "?".
bool ToUtf8(const std::string& set, std::string octets, std::string* out) {
  iconv_t converter = iconv_open("UTF-8", set.c_str());
  if (converter == reinterpret_cast<iconv_t>(-1)) return false;
  char* in = octets.data();
  std::size_t left = octets.size();
  char room[256];
  for (bool flushed = false; !flushed;) {
    char* to = room;
    std::size_t free = sizeof room;
    flushed = left == 0;
    bool bad = iconv(converter, flushed ? nullptr : &in, flushed ? nullptr : &left, &to, &free) ==
                   static_cast<std::size_t>(-1) &&
               errno != E2BIG;
    out->append(room, static_cast<std::size_t>(to - room));
    if (!bad || flushed) continue;
    *out += '?';
    ++in;
    --left;
  }
  iconv_close(converter);
  return true;
}

// The octets of the text of a word, or nullopt where it is not well-formed.
std::optional<std::string> WordOctets(char form, std::string_view text) {
  if (ToLower(form) == 'b') return DecodeBase64(text);
  if (ToLower(form) != 'q') return std::nullopt;
  std::string octets;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      octets += text[i] == '_' ? ' ' : text[i];
      continue;
    }
    auto octet = DecodeHex(text.substr(std::min(i + 1, text.size()), 2));
    if (!octet.has_value() || octet->empty()) return std::nullopt;
    octets += *octet;
    i += 2;
  }
  return octets;
}

struct Word {
  std::size_t size = 0;  // 0: none here
  std::string_view set;
  std::string octets;
};

// The encoded word that `text` begins with.
Word ReadWord(std::string_view text) {
  if (!text.starts_with("=?")) return {};
  text = text.substr(0, kWordMaxBytes);
  std::size_t form = text.find('?', 2);
  if (form == std::string_view::npos || form + 2 >= text.size() || text[form + 2] != '?') return {};
  std::size_t end = text.find("?=", form + 3);
  if (end == std::string_view::npos) return {};
  std::string_view whole = text.substr(0, end + 2);
  if (!std::all_of(whole.begin(), whole.end(), [](char c) { return c != ' ' && !IsControl(c); }))
    return {};
  auto octets = WordOctets(text[form + 1], text.substr(form + 3, end - form - 3));
  if (!octets.has_value()) return {};
  return {end + 2, text.substr(2, form - 2), std::move(*octets)};
}

bool AppendWord(Word word, std::string* out) {
  std::string set = Lower(word.set);
  std::string decoded;
  if (set.empty() || set == "utf-8" || set == "utf8") {
    decoded = std::move(word.octets);
  } else if (std::find(std::begin(kKnownSets), std::end(kKnownSets), set) == std::end(kKnownSets) ||
             !ToUtf8(set, std::move(word.octets), &decoded)) {
    return false;
  }
  std::replace(decoded.begin(), decoded.end(), '\0', '?');
  *out += decoded;
  return true;
}

// Gives each encoded word to `take`, what stands between them to `out`. False as soon as
// `take` says so.
template <typename Take>
bool ForEachWord(std::string_view text, Take take, std::string* out) {
  while (!text.empty()) {
    Word word = ReadWord(text);
    if (word.size == 0) {
      std::size_t next = std::min(text.find("=?", 1), text.size());
      *out += text.substr(0, next);
      text.remove_prefix(next);
      continue;
    }
    text.remove_prefix(word.size);
    if (!take(std::move(word))) return false;
    std::size_t blanks = 0;
    while (blanks < text.size() && IsSpace(text[blanks])) ++blanks;
    if (ReadWord(text.substr(blanks)).size > 0) text.remove_prefix(blanks);
  }
  return true;
}

}  // namespace

std::string EncodeWords(std::string_view text) {
  if (std::none_of(text.begin(), text.end(), [](char c) { return c != ' ' && WantsEncoding(c); }))
    return std::string(text);
  std::string out(kWordBegin);
  std::size_t begin = out.size(), enough = kFirstWordEnough;
  // Exim keeps encoded octets together by twos; characters are kept whole as well here,
  // because RFC 2047 section 5 wants it.
  bool first_of_two = false;
  std::size_t inside = 0;  // octets left of the character at hand
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (inside == 0) {
      Utf8Step step = StepUtf8(text.substr(i));
      inside = step.valid ? step.octets : 1;
      if (out.size() - begin >= enough && (!first_of_two || step.octets > 1)) {
        out += "?= ";
        out += kWordBegin;
        begin = out.size();
        enough = kWordEnough;
      }
    }
    --inside;
    char c = text[i];
    const bool coded = c != ' ' && WantsEncoding(c);
    first_of_two = coded && !first_of_two;
    if (!coded) {
      out += c == ' ' ? '_' : c;
      continue;
    }
    auto octet = static_cast<unsigned char>(c);
    out += '=';
    out += kUpperHex[octet >> 4];
    out += kUpperHex[octet & 15];
  }
  return out + "?=";
}

Result<std::string, std::string> DecodeWords(std::string_view text) {
  std::string out, unknown;
  const auto take = [&](Word word) {
    unknown = word.set;
    return AppendWord(std::move(word), &out);
  };
  if (!ForEachWord(text, take, &out)) return Err{std::move(unknown)};
  return out;
}

bool WordsHoldNul(std::string_view text) {
  std::string between;
  return !ForEachWord(
      text, [](const Word& word) { return word.octets.find('\0') == std::string::npos; }, &between);
}

std::string DecodeWordOctets(std::string_view text) {
  std::string out;
  const auto take = [&](const Word& word) {
    out += word.octets;
    return true;
  };
  (void)ForEachWord(text, take, &out);
  std::replace(out.begin(), out.end(), '\0', '?');
  return out;
}

// --- Punycode --------------------------------------------------------------------------
namespace {

// RFC 3492 section 5.
constexpr std::uint32_t kBase = 36, kLeast = 1, kMost = 26, kSkew = 38, kDamp = 700;
constexpr std::uint32_t kFirstBias = 72, kFirstCharacter = 128;

std::uint32_t Adapt(std::uint32_t delta, std::uint32_t points, bool first) {
  delta = first ? delta / kDamp : delta / 2;
  delta += delta / points;
  std::uint32_t k = 0;
  for (; delta > (kBase - kLeast) * kMost / 2; k += kBase) delta /= kBase - kLeast;
  return k + (kBase - kLeast + 1) * delta / (delta + kSkew);
}

std::uint32_t Threshold(std::uint32_t k, std::uint32_t bias) {
  return k <= bias ? kLeast : std::min(k - bias, kMost);
}

char DigitOf(std::uint32_t value) {
  return static_cast<char>(value < 26 ? 'a' + value : '0' + value - 26);
}

std::uint32_t ValueOf(char digit) {
  if (IsDigit(digit)) return static_cast<std::uint32_t>(digit - '0' + 26);
  char c = ToLower(digit);
  return c >= 'a' && c <= 'z' ? static_cast<std::uint32_t>(c - 'a') : kBase;
}

void AppendDelta(std::uint32_t delta, std::uint32_t bias, std::string* out) {
  for (std::uint32_t k = kBase;; k += kBase) {
    std::uint32_t t = Threshold(k, bias);
    if (delta < t) break;
    *out += DigitOf(t + (delta - t) % (kBase - t));
    delta = (delta - t) / (kBase - t);
  }
  *out += DigitOf(delta);
}

constexpr char kNotPunycode[] = "Invalid input";
constexpr char kTooLarge[] = "String size limit exceeded";

// A generalized number from the front of *text, added to *i. Returns what is wrong, or
// nullptr.
const char* TakeDelta(std::string_view* text, std::uint32_t bias, std::uint32_t* i) {
  std::uint32_t weight = 1;
  for (std::uint32_t k = kBase;; k += kBase) {
    if (text->empty()) return kNotPunycode;
    std::uint32_t digit = ValueOf(text->front()), part = 0;
    text->remove_prefix(1);
    if (digit >= kBase) return kNotPunycode;
    if (__builtin_mul_overflow(digit, weight, &part) || __builtin_add_overflow(*i, part, i))
      return kTooLarge;
    std::uint32_t t = Threshold(k, bias);
    if (digit < t) return nullptr;
    if (__builtin_mul_overflow(weight, kBase - t, &weight)) return kTooLarge;
  }
}

}  // namespace

Result<std::string, std::string> EncodePunycode(std::string_view utf8) {
  if (utf8.size() > limits::kPunycodeMaxBytes) return Err{std::string(kTooLarge)};
  auto input = CharactersOf(utf8);
  if (!input.has_value()) return Err{std::string("bad UTF-8 input")};
  std::string out;
  for (char32_t c : *input)
    if (c < 0x80) out += static_cast<char>(c);
  const auto basic = static_cast<std::uint32_t>(out.size());
  if (basic > 0) out += '-';
  std::uint32_t n = kFirstCharacter, delta = 0, bias = kFirstBias, done = basic;
  while (done < input->size()) {
    char32_t next = std::numeric_limits<char32_t>::max();
    for (char32_t c : *input)
      if (c >= n) next = std::min(next, c);
    // limits::kPunycodeMaxBytes times the number of characters of Unicode fits.
    delta += (next - n) * (done + 1);
    n = next;
    for (char32_t c : *input) {
      if (c < n) ++delta;
      if (c != n) continue;
      AppendDelta(delta, bias, &out);
      bias = Adapt(delta, done + 1, done == basic);
      delta = 0;
      ++done;
    }
    ++delta;
    ++n;
  }
  return out;
}

Result<std::string, std::string> DecodePunycode(std::string_view text) {
  if (text.size() > limits::kPunycodeMaxBytes) return Err{std::string(kTooLarge)};
  std::vector<char32_t> output;
  if (std::size_t cut = text.rfind('-'); cut != std::string_view::npos) {
    for (char c : text.substr(0, cut)) {
      if (static_cast<unsigned char>(c) >= 0x80) return Err{std::string(kNotPunycode)};
      output.push_back(static_cast<unsigned char>(c));
    }
    text.remove_prefix(cut + 1);
  }
  std::uint32_t n = kFirstCharacter, i = 0, bias = kFirstBias;
  while (!text.empty()) {
    const std::uint32_t before = i;
    if (const char* wrong = TakeDelta(&text, bias, &i)) return Err{std::string(wrong)};
    auto count = static_cast<std::uint32_t>(output.size()) + 1;
    bias = Adapt(i - before, count, before == 0);
    if (__builtin_add_overflow(n, i / count, &n) || n > 0x10ffff)
      return Err{std::string(kTooLarge)};
    i %= count;
    if (n >= 0xd800 && n < 0xe000) return Err{std::string(kNotPunycode)};
    output.insert(output.begin() + i, n);
    ++i;
  }
  std::string utf8;
  for (char32_t c : output) AppendUtf8(c, &utf8);
  return utf8;
}

}  // namespace signet
