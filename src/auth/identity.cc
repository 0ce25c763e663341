#include "src/auth/identity.h"

#include <algorithm>

#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/base/text.h"

namespace signet::auth {
namespace {

// C0, DEL, and C1 in its UTF-8 form.
bool HasControl(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (IsControl(text[i])) return true;
    const bool c1 =
        text[i] == '\xc2' && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (c1) return true;
  }
  return false;
}

bool OnlyBlanks(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c == ' '; });
}

// Directories compare names without regard to blanks at their ends and to how many there
// are in a row: with such a text as key, somebody else's account is found (rule I10).
bool HasLooseBlanks(std::string_view text) {
  return text.starts_with(' ') || text.ends_with(' ') || text.find("  ") != text.npos;
}

// Undoes the doubling of `separator` in a run that is a list element's display form.
void AppendUndoubled(std::string* out, std::string_view run, char separator) {
  for (std::size_t i = 0; i < run.size(); ++i) {
    out->push_back(run[i]);
    if (run[i] == separator && i + 1 < run.size() && run[i + 1] == separator) ++i;
  }
}

// A text that shows list elements knows which of its runs they are. Runs of one element
// follow each other; between elements there is at least the separator.
struct Unfolded {
  std::string text;
  std::size_t elements = 0;
};
Unfolded Unfold(const Value& value) {
  Unfolded result;
  std::size_t begin = 0;
  bool in_element = false;
  const std::string_view text = value.text;
  for (const Segment& segment : value.segments) {
    const std::size_t end = std::min<std::size_t>(segment.end, text.size());
    const std::string_view run = text.substr(begin, end - begin);
    const bool shows_element = segment.doubled != '\0';
    if (shows_element && !in_element) ++result.elements;
    if (shows_element)
      AppendUndoubled(&result.text, run, segment.doubled);
    else
      result.text += run;
    in_element = shows_element;
    begin = end;
  }
  result.text += text.substr(begin);
  return result;
}

Err<std::string> Refuse(std::string why) { return Err{"server_set_id gave " + std::move(why)}; }

}  // namespace

Result<std::string, std::string> IdentityOf(const Value& value) {
  std::string id;
  if (value.is_list) {
    if (value.elements.size() > 1)
      return Refuse(std::to_string(value.elements.size()) + " elements where one is wanted");
    if (value.elements.size() == 1) id = value.elements.front();
  } else {
    Unfolded unfolded = Unfold(value);
    if (unfolded.elements > 1)
      return Refuse(std::to_string(unfolded.elements) + " elements where one is wanted");
    id = std::move(unfolded.text);
  }
  if (OnlyBlanks(id)) return Refuse("no identity");
  if (id.size() > limits::kIdentityMaxBytes)
    return Refuse("an identity of " + std::to_string(id.size()) + " octets, at most " +
                  std::to_string(limits::kIdentityMaxBytes) + " are allowed");
  if (HasControl(id)) return Refuse("an identity with control characters");
  if (HasLooseBlanks(id)) return Refuse("an identity with blanks at an end or several in a row");
  if (!IsValidUtf8(id)) return Refuse("an identity that is not UTF-8");
  return id;
}

std::string FailedIdentityOf(const Value& value) {
  const std::string& text =
      value.is_list && value.elements.size() == 1 ? value.elements.front() : value.text;
  if (text.size() > limits::kIdentityMaxBytes) return "";
  return Printable(text);
}

}  // namespace signet::auth
