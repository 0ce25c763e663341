#include "expand/mailbox.h"

#include "src/base/text.h"

namespace signet::expand {
namespace {

class MailboxParser {
 public:
  explicit MailboxParser(std::string_view text) : text_(text) {}

  std::optional<Mailbox> Run() {
    SkipBlanks();
    Mailbox mailbox;
    if (Address(&mailbox) && AtEnd()) return mailbox;
    at_ = 0;
    if (!SkipPhrase() || !Accept('<')) return std::nullopt;
    SkipBlanks();
    SkipRoute();
    mailbox = {};
    if (!Address(&mailbox) || !Accept('>')) return std::nullopt;
    SkipBlanks();
    return AtEnd() ? std::optional(mailbox) : std::nullopt;
  }

 private:
  bool AtEnd() const { return at_ >= text_.size(); }
  char Peek() const { return AtEnd() ? '\0' : text_[at_]; }
  bool Accept(char c) {
    if (AtEnd() || Peek() != c) return false;
    ++at_;
    return true;
  }
  static bool IsAtomChar(char c) {
    return !IsControl(c) && c != ' ' &&
           std::string_view("()<>@,;:\\\".[]").find(c) == std::string_view::npos;
  }

  // White space and comments, which nest. An open comment runs to the end.
  void SkipBlanks() {
    std::size_t open = 0;
    for (; !AtEnd(); ++at_) {
      if (Peek() == '(') {
        ++open;
      } else if (open > 0 && Peek() == ')') {
        --open;
      } else if (open > 0 && Peek() == '\\') {
        ++at_;
      } else if (open == 0 && !IsSpace(Peek())) {
        return;
      }
    }
    if (open > 0) broken_ = true;
  }

  bool QuotedString(std::string* out) {
    std::size_t from = at_;
    if (!Accept('"')) return false;
    while (!AtEnd() && Peek() != '"') at_ += Peek() == '\\' ? 2 : 1;
    if (!Accept('"')) return false;
    *out += text_.substr(from, at_ - from);
    return true;
  }

  bool LocalPart(std::string* out) {
    for (;;) {
      if (IsAtomChar(Peek()) && !AtEnd()) {
        while (!AtEnd() && IsAtomChar(Peek())) *out += text_[at_++];
      } else if (Peek() == '"') {
        if (!QuotedString(out)) return false;
      }
      SkipBlanks();
      if (!Accept('.')) return !out->empty();
      *out += '.';
      SkipBlanks();
    }
  }

  bool Domain(std::string* out) {
    if (Peek() == '[') {
      std::size_t end = text_.find(']', at_);
      if (end == std::string_view::npos) return false;
      *out = text_.substr(at_, end + 1 - at_);
      at_ = end + 1;
      return true;
    }
    do {
      if (!IsAlnum(Peek())) return false;  // no empty label, no hyphen first
      if (!out->empty()) *out += '.';
      while (!AtEnd() && (IsAlnum(Peek()) || Peek() == '-')) *out += text_[at_++];
    } while (Accept('.'));
    return true;
  }

  bool Address(Mailbox* mailbox) {
    if (!LocalPart(&mailbox->local_part)) return false;
    SkipBlanks();
    if (Accept('@')) {
      SkipBlanks();
      if (!Domain(&mailbox->domain)) return false;
      SkipBlanks();
    }
    return !broken_;
  }

  // A display name: words, quoted strings and dots, up to the bracket.
  bool SkipPhrase() {
    std::string ignored;
    for (SkipBlanks(); Peek() != '<'; SkipBlanks()) {
      if (AtEnd() || broken_) return false;
      if (Peek() == '"') {
        if (!QuotedString(&ignored)) return false;
      } else if (IsAtomChar(Peek()) || Peek() == '.') {
        ++at_;
      } else {
        return false;
      }
    }
    return true;
  }

  // "@a,@b:" in front of an address.
  void SkipRoute() {
    std::size_t from = at_;
    std::string ignored;
    while (Accept('@')) {
      ignored.clear();
      if (!Domain(&ignored)) break;
      SkipBlanks();
      if (Accept(':')) return SkipBlanks();
      if (!Accept(',')) break;
      SkipBlanks();
    }
    at_ = from;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool broken_ = false;
};

}  // namespace

std::optional<Mailbox> ParseMailbox(std::string_view text) { return MailboxParser(text).Run(); }

// --- lists of mailboxes --------------------------------------------------------------
namespace {

// Where the quoted string, comment, domain literal or bracketed address that begins at
// `at` ends: behind its last octet, or at the end of the text.
std::size_t SkipEnclosed(std::string_view text, std::size_t at) {
  const char open = text[at];
  const char close = open == '(' ? ')' : open == '[' ? ']' : open == '<' ? '>' : '"';
  std::size_t nesting = 0;
  for (; at < text.size(); ++at) {
    char c = text[at];
    if (c == '\\') {
      ++at;
    } else if (c == close && (open != '"' || nesting > 0)) {
      if (--nesting == 0) return at + 1;
    } else if (c == open) {
      ++nesting;
    }
  }
  return text.size();
}

}  // namespace

std::vector<std::string> ParseMailboxList(std::string_view text) {
  std::vector<std::string> found;
  std::size_t begin = 0;
  bool in_group = false;
  auto finish = [&](std::size_t end) {
    if (auto mailbox = ParseMailbox(text.substr(begin, end - begin)))
      found.push_back(mailbox->address());
    begin = end + 1;
  };
  for (std::size_t at = 0; at < text.size();) {
    char c = text[at];
    if (c == '"' || c == '(' || c == '[' || c == '<') {
      at = SkipEnclosed(text, at);
      continue;
    }
    if (c == '\\') ++at;
    if (c == ':' && !in_group) {
      in_group = true;
      begin = at + 1;  // behind the group's name
    } else if (c == ',' || (c == ';' && in_group)) {
      finish(at);
      in_group = in_group && c == ',';
    }
    ++at;
  }
  if (begin < text.size()) finish(text.size());
  return found;
}

}  // namespace signet::expand
