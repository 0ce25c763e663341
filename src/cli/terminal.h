#ifndef SIGNET_SRC_CLI_TERMINAL_H_
#define SIGNET_SRC_CLI_TERMINAL_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

// Text for a terminal of 80 columns.
namespace signet::cli {

inline constexpr std::size_t kColumns = 80;

// Whether a stream is a terminal, and whether colours belong there (not with NO_COLOR, not on
// a dumb one). `fd` 1 or 2.
bool IsTerminal(int fd);
bool WantsColour(int fd);

enum class Style : std::uint8_t { kNone, kBold, kDim, kGood, kBad, kDoubt };
// `text` in a style, or as it is where there are no colours.
std::string Styled(std::string_view text, Style style, bool colour);

// Columns that UTF-8 text takes, a code point counted as one.
std::size_t WidthOf(std::string_view text);
// The longest beginning that takes at most `columns`, whole code points.
std::string_view CutTo(std::string_view text, std::size_t columns);
// The same, with "…" where something was left out.
std::string Shorten(std::string_view text, std::size_t columns);
// `text` with blanks up to that many columns.
std::string Padded(std::string_view text, std::size_t columns);
// Lines of at most `columns`, broken at blanks, or where there is none behind one of ",;/:=&",
// or anywhere.
std::vector<std::string> Wrap(std::string_view text, std::size_t columns);

}  // namespace signet::cli
#endif
