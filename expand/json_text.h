#ifndef SIGNET_EXPAND_JSON_TEXT_H_
#define SIGNET_EXPAND_JSON_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace signet::expand {

// JsonText walks over the members of a JSON array or object as ${extract json…} sees them:
// as pieces of the text, which is looked at no deeper than it takes to find their ends.
// Brackets and commas inside strings are not structure. Offsets count from the beginning
// of the text.
class JsonText {
 public:
  explicit JsonText(std::string_view text) : text_(text) {}

  enum class Kind : char { kArray = '[', kObject = '{' };
  // Finds the brackets, white space before the first; what stands behind the last is left
  // alone. False where they are not there: error() says so.
  bool Open(Kind kind);

  struct Member {
    std::string_view key;            // without its quotes; escapes are not undone
    std::size_t begin = 0, end = 0;  // of the value; white space may stand at its end
  };
  // The next member; false behind the last, and where something is wrong.
  bool Next(Member* member);

  // Narrows a member that is a string to what lies between its quotes. False where it is
  // none.
  bool Unquote(Member* member) const;

  const std::string& error() const { return error_; }

 private:
  bool Fail(const char* what, const char* where);
  bool ReadKey(Member* member);
  void SkipSpace();
  // The offset of the first of `stops` from `at` on that is in no string and no brackets,
  // or where the text ends.
  std::size_t FindEnd(std::size_t at, std::string_view stops) const;
  // The offset behind the string whose quote stands at `at`.
  std::size_t BehindString(std::size_t at) const;

  std::string_view text_;
  Kind kind_ = Kind::kArray;
  std::size_t at_ = 0;
  std::size_t close_ = 0;
  std::string error_;
};

}  // namespace signet::expand
#endif
