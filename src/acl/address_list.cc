#include "src/acl/address_list.h"

#include <algorithm>
#include <optional>

#include "src/base/charset.h"
#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/base/text.h"

namespace signet::acl {
namespace {

std::string Quoted(std::string_view text) { return '"' + Printable(text.substr(0, 100)) + '"'; }

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n'; }
bool IsHigh(char c) { return static_cast<unsigned char>(c) >= 0x80; }
bool IsAtomChar(char c) {
  return IsAlnum(c) || IsHigh(c) ||
         (c != '\0' && std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos);
}

// A word of a phrase or of a local part.
struct Word {
  std::string text;  // unquoted
  bool quoted = false;
  bool blank_before = false;
};

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  AddressList Run() {
    if (!IsValidUtf8(text_)) return Wrong("octets that are not UTF-8");
    for (bool more = true; more && list_.wrong.empty();) {
      SkipBlanks();
      if (!AtEnd() && Peek() == ',') list_.oddities |= kOldSyntax;
      if (!AtEnd() && Peek() != ',') Address();
      SkipBlanks();
      // An empty element is what old messages may have.
      if (!list_.wrong.empty()) break;
      more = Accept(',');
      if (more) SkipBlanks();
      if (more && (AtEnd() || Peek() == ',')) list_.oddities |= kOldSyntax;
      if (!more && !AtEnd()) Fail("unexpected " + Quoted(text_.substr(at_, 1)));
      if (list_.mailboxes.size() > limits::kHeaderMailboxesMax) Fail("too many addresses");
    }
    if (list_.wrong.empty() && list_.mailboxes.empty() && (list_.oddities & kGroup) == 0)
      Fail("no address");
    for (const HeaderMailbox& mailbox : list_.mailboxes) list_.oddities |= mailbox.oddities;
    return std::move(list_);
  }

 private:
  AddressList Wrong(std::string why) {
    list_.wrong = std::move(why);
    return std::move(list_);
  }
  void Fail(std::string why) {
    if (list_.wrong.empty()) list_.wrong = std::move(why);
  }
  bool AtEnd() const { return at_ >= text_.size(); }
  char Peek() const { return AtEnd() ? '\0' : text_[at_]; }
  bool Accept(char c) {
    if (AtEnd() || Peek() != c) return false;
    ++at_;
    return true;
  }

  // Blanks, folding and comments. Returns whether there were any.
  bool SkipBlanks() {
    const std::size_t from = at_;
    while (!AtEnd() && list_.wrong.empty()) {
      if (Peek() == '(') {
        Comment();
      } else if (IsBlank(Peek())) {
        ++at_;
      } else {
        break;
      }
    }
    return at_ != from;
  }

  void Comment() {
    list_.oddities |= kComment;
    std::size_t open = 0;
    for (; !AtEnd(); ++at_) {
      const char c = Peek();
      if (c == '(' && ++open > limits::kHeaderCommentDepth) return Fail("comments nested too deep");
      if (c == '\\' && ++at_ >= text_.size()) break;
      if (c == ')' && --open == 0) {
        ++at_;
        return;
      }
    }
    Fail("comment without an end");
  }

  bool QuotedString(std::string* out) {
    if (!Accept('"')) return false;
    for (; !AtEnd(); ++at_) {
      char c = Peek();
      if (c == '"') {
        ++at_;
        return true;
      }
      if (c == '\\' && ++at_ >= text_.size()) break;
      if (IsControl(Peek()) && !IsBlank(Peek())) break;
      if (Peek() != '\n') *out += Peek();
    }
    Fail("quoted string without an end");
    return false;
  }

  bool TakeWord(Word* word) {
    if (Peek() == '"') {
      word->quoted = true;
      return QuotedString(&word->text);
    }
    while (!AtEnd() && IsAtomChar(Peek())) word->text += text_[at_++];
    return !word->text.empty();
  }

  // An address: a mailbox, or a group. What comes first is a phrase or a local part; which
  // of them shows behind it.
  void Address() {
    std::vector<Word> words;
    bool blanks = false, behind_blank = false;
    while (!AtEnd() && list_.wrong.empty()) {
      const char c = Peek();
      if (c == '"' || IsAtomChar(c)) {
        Word word;
        if (!TakeWord(&word)) return;
        word.blank_before = behind_blank;
        words.push_back(std::move(word));
        behind_blank = false;
      } else if (c == '.') {
        ++at_;
        words.push_back({".", false, behind_blank});
        behind_blank = false;
      } else if (c == ' ' || c == '\t' || c == '\n' || c == '(') {
        SkipBlanks();
        behind_blank = true;
        const char next = Peek();
        if (!AtEnd() && next != '<' && next != ':' && next != ',' && next != ';') blanks = true;
      } else {
        break;
      }
    }
    if (!list_.wrong.empty()) return;
    if (Peek() == '<') return AngleAddress(words);
    if (Peek() == ':' && !in_group_) return Group(words);
    HeaderMailbox mailbox;
    if (blanks) mailbox.oddities |= kOldSyntax;
    if (!LocalPart(words, &mailbox)) return;
    Domain(&mailbox);
    if (list_.wrong.empty()) list_.mailboxes.push_back(std::move(mailbox));
  }

  // word *("." word)
  bool LocalPart(const std::vector<Word>& words, HeaderMailbox* mailbox) {
    bool want_word = true;
    for (const Word& word : words) {
      const bool dot = !word.quoted && word.text == ".";
      if (dot == want_word) {
        Fail(words.size() == 1 ? "local part expected" : "malformed local part");
        return false;
      }
      if (word.quoted) mailbox->oddities |= kQuotedLocalPart;
      mailbox->local_part += word.text;
      want_word = dot;
    }
    if (words.empty() || want_word) Fail("local part expected");
    if (mailbox->local_part.find("=?") != std::string::npos) mailbox->oddities |= kEncodedWord;
    return list_.wrong.empty();
  }

  void Domain(HeaderMailbox* mailbox) {
    SkipBlanks();
    if (!Accept('@')) {
      mailbox->oddities |= kNoDomain;
      return;
    }
    if (SkipBlanks()) mailbox->oddities |= kOldSyntax;
    if (Peek() == '[') {
      const std::size_t end = text_.find(']', at_);
      if (end == text_.npos) return Fail("domain literal without an end");
      mailbox->domain = text_.substr(at_, end + 1 - at_);
      mailbox->oddities |= kLiteral;
      if (std::any_of(mailbox->domain.begin(), mailbox->domain.end(),
                      [](char c) { return IsControl(c) || c == ' '; }))
        return Fail("malformed domain literal");
      at_ = end + 1;
    } else if (!DomainName(&mailbox->domain, &mailbox->oddities)) {
      return;
    }
    for (char c : mailbox->address())
      if (IsHigh(c)) mailbox->oddities |= kNotAscii;
    if (mailbox->domain.find("=?") != std::string::npos) mailbox->oddities |= kEncodedWord;
  }

  bool DomainName(std::string* name, std::uint16_t* oddities) {
    do {
      const std::size_t from = at_;
      while (!AtEnd() && IsAtomChar(Peek())) ++at_;
      if (at_ == from) {
        Fail("domain missing or malformed");
        return false;
      }
      *name += text_.substr(from, at_ - from);
      const std::size_t behind = at_;
      const bool blanks = SkipBlanks();
      if (Peek() != '.') {
        at_ = behind;
        return true;
      }
      if (blanks) *oddities |= kOldSyntax;
      ++at_;
      *name += '.';
      if (SkipBlanks()) *oddities |= kOldSyntax;
    } while (true);
  }

  void AngleAddress(const std::vector<Word>& words) {
    HeaderMailbox mailbox;
    Name(words, &mailbox);
    ++at_;
    if (SkipBlanks()) mailbox.oddities |= kOldSyntax;
    if (Peek() == '@') {
      mailbox.oddities |= kRoute;
      const std::size_t colon = text_.find(':', at_);
      const std::size_t close = text_.find('>', at_);
      if (colon == text_.npos || close < colon) return Fail("malformed route");
      at_ = colon + 1;
      SkipBlanks();
    }
    std::vector<Word> local;
    while (!AtEnd() && list_.wrong.empty() && Peek() != '@' && Peek() != '>') {
      Word word;
      if (Accept('.')) {
        local.push_back({".", false, false});
      } else if (SkipBlanks()) {
        mailbox.oddities |= kOldSyntax;
      } else if (TakeWord(&word)) {
        local.push_back(std::move(word));
      } else {
        return Fail("malformed local part");
      }
    }
    if (!list_.wrong.empty() || !LocalPart(local, &mailbox)) return;
    Domain(&mailbox);
    if (SkipBlanks()) mailbox.oddities |= kOldSyntax;
    if (list_.wrong.empty() && !Accept('>')) return Fail("\">\" expected");
    if (list_.wrong.empty()) list_.mailboxes.push_back(std::move(mailbox));
  }

  // The display name, as readers would show it: with encoded words decoded, or with their
  // octets put together, or as it stands. A name that shows an address, or that a reader may
  // cut into several, is an oddity.
  static void Name(const std::vector<Word>& words, HeaderMailbox* mailbox) {
    std::string name;
    for (const Word& word : words) {
      if (!name.empty() && word.blank_before) name += ' ';
      name += word.text;
    }
    mailbox->name = name;
    if (name.find("=?") != name.npos) {
      const Result<std::string, std::string> decoded = DecodeWords(name);
      const bool whole = decoded && decoded.value().find("=?") == std::string::npos;
      if (!whole) mailbox->oddities |= kEncodedWord;
      if (decoded) mailbox->name = decoded.value();
      if (HasMark(DecodeWordOctets(name)) || WordsHoldNul(name)) mailbox->oddities |= kOddName;
    }
    if (!IsValidUtf8(mailbox->name) || HasMark(mailbox->name) || HasMark(name))
      mailbox->oddities |= kOddName;
  }

  // "@" in its several widths, brackets, quotes and separators that only a quoted or encoded
  // name can hold, and control characters.
  static bool HasMark(std::string_view name) {
    constexpr std::string_view kLookalikes[] = {
        "\xef\xbc\xa0", "\xef\xb9\xab",                  // fullwidth and small @
        "\xef\xbc\x9c", "\xef\xbc\x9e",                  // fullwidth < and >
        "\xe2\x80\xae", "\xe2\x80\xad", "\xe2\x80\xaa",  // direction overrides
        "\xe2\x80\xab", "\xe2\x81\xa6", "\xe2\x81\xa7", "\xe2\x81\xa8",
        "\xe2\x80\xa8", "\xe2\x80\xa9", "\xc2\x85"};
    for (char c : name)
      if (c == '@' || c == '<' || c == '>' || (IsControl(c) && c != '\t')) return true;
    return std::any_of(std::begin(kLookalikes), std::end(kLookalikes), [&](std::string_view mark) {
      return name.find(mark) != std::string_view::npos;
    });
  }

  void Group(const std::vector<Word>& words) {
    if (words.empty()) return Fail("name of a group expected");
    list_.oddities |= kGroup;
    ++at_;
    in_group_ = true;
    SkipBlanks();
    while (!AtEnd() && Peek() != ';' && list_.wrong.empty()) {
      if (Peek() != ',') Address();
      SkipBlanks();
      if (!Accept(',')) break;
      SkipBlanks();
      if (list_.mailboxes.size() > limits::kHeaderMailboxesMax) return Fail("too many addresses");
    }
    in_group_ = false;
    if (list_.wrong.empty() && !Accept(';')) Fail("\";\" expected at the end of a group");
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool in_group_ = false;
  AddressList list_;
};

constexpr std::uint16_t kNotForAuthors = kGroup | kComment | kRoute | kQuotedLocalPart | kLiteral |
                                         kNoDomain | kEncodedWord | kOddName | kOldSyntax;

std::string NameOfOddity(std::uint16_t oddities) {
  constexpr std::pair<std::uint16_t, std::string_view> kNames[] = {
      {kGroup, "a group"},
      {kComment, "a comment"},
      {kRoute, "a route"},
      {kQuotedLocalPart, "a quoted local part"},
      {kLiteral, "a domain literal"},
      {kNoDomain, "an address without a domain"},
      {kEncodedWord, "an encoded word that cannot be read"},
      {kOddName, "a display name that can be taken for an address"},
      {kOldSyntax, "obsolete syntax"},
      {kNotAscii, "an address beyond ASCII"},
  };
  for (const auto& [oddity, name] : kNames)
    if ((oddities & oddity) != 0) return std::string(name);
  return "";
}

// A line of a folded field that is only blanks ends the header for some readers.
bool HasBlankLine(std::string_view text) {
  for (std::size_t at = text.find('\n'); at != text.npos; at = text.find('\n', at + 1)) {
    const std::size_t end = std::min(text.find('\n', at + 1), text.size());
    if (Trim(text.substr(at + 1, end - at - 1)).empty()) return true;
  }
  return false;
}

}  // namespace

AddressList ReadAddressList(std::string_view value) { return Reader(value).Run(); }

std::string_view NameOf(const facts::HeaderField& field) {
  return Trim(std::string_view(field.text).substr(0, field.text.find(':')));
}

std::string_view ValueOf(const facts::HeaderField& field) {
  const std::size_t colon = field.text.find(':');
  return colon == std::string::npos ? std::string_view()
                                    : std::string_view(field.text).substr(colon + 1);
}

Authors AuthorsOf(const std::vector<facts::HeaderField>& header, bool smtputf8) {
  Authors authors;
  std::size_t froms = 0, senders = 0;
  for (const facts::HeaderField& field : header) {
    const std::string_view name = NameOf(field);
    const bool from = EqualsIgnoreCase(name, "From"), sender = EqualsIgnoreCase(name, "Sender");
    if (!from && !sender) continue;
    (from ? froms : senders)++;
    const std::string which = from ? "From" : "Sender";
    if (field.text.find(':') != name.size() || HasBlankLine(field.text))
      return {{}, "malformed " + which + " field"};
    const AddressList list = ReadAddressList(ValueOf(field));
    if (!list.wrong.empty()) return {{}, "malformed " + which + " field: " + list.wrong};
    std::uint16_t odd = list.oddities & kNotForAuthors;
    if (!smtputf8) odd |= list.oddities & kNotAscii;
    if (odd != 0) return {{}, NameOfOddity(odd) + " in the " + which + " field"};
    if (sender && list.mailboxes.size() != 1) return {{}, "several addresses in the Sender field"};
    for (const HeaderMailbox& mailbox : list.mailboxes)
      authors.addresses.push_back(mailbox.address());
  }
  if (froms == 0) return {{}, "no From field"};
  if (froms > 1) return {{}, "several From fields"};
  if (senders > 1) return {{}, "several Sender fields"};
  return authors;
}

}  // namespace signet::acl
