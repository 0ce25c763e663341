#ifndef SIGNET_SRC_SMTP_HEADER_H_
#define SIGNET_SRC_SMTP_HEADER_H_

#include <string>
#include <string_view>
#include <vector>

#include "src/base/limits.h"
#include "src/base/result.h"
#include "src/facts/session.h"
#include "src/smtp/data.h"

// The header of a message: read whole before anything of it is passed on, then made into
// what goes on.
namespace signet::smtp {

using Header = std::vector<facts::HeaderField>;

// HeaderReader takes the lines of a message while they are its header. What has a limit is
// counted; beyond it nothing more is kept.
class HeaderReader {
 public:
  struct Limits {
    std::size_t bytes = limits::kHeaderSectionMaxBytes;  // line ends included
    std::size_t received = limits::kReceivedMax;         // Received fields
  };
  explicit HeaderReader(Limits limits) : limits_(limits) {}

  enum class Place : std::uint8_t {
    kHeader,
    kBlank,  // the line that ends the header
    kBody,   // a line of the body, with no blank line in front of it
  };
  Place Take(std::string_view line);

  DataProblem problem() const { return problem_; }
  Header TakeHeader() { return std::move(header_); }

 private:
  void Count(std::string_view line, std::string_view name);

  Limits limits_;
  Header header_;
  std::size_t bytes_ = 0;
  std::size_t received_ = 0;
  DataProblem problem_ = DataProblem::kNone;
};

// The name of the header field that the line begins, or "" where it begins none.
std::string_view FieldName(std::string_view line);

// A field of lines, of which those behind the first begin with a blank.
facts::HeaderField MakeField(const std::vector<std::string>& lines);
// Gives the lines of a field to `sink`.
void EmitField(const facts::HeaderField& field, const LineSink& sink);
// With CRLFs.
std::size_t FieldBytes(const facts::HeaderField& field);

// The authserv-id of an Authentication-Results value, or "" where it has none.
std::string AuthservId(std::string_view value);

// Removes Authentication-Results that claim to be of one of the names, or that somebody more
// lenient could read so (rule S14).
void RemoveForgedResults(const std::vector<std::string>& own_names, Header* header);

// Removes the fields of a name, or of names that `pattern` fits: "X-*" those that begin so,
// "^x-(a|b)" those that the regular expression matches. Letter case does not matter.
//
//   Errors  what is wrong with a regular expression, or that matching took too long.
Result<bool, std::string> RemoveFields(std::string_view pattern, Header* header);

// Adds a field at its place.
void AddField(facts::HeaderField field, facts::HeaderPlace place, Header* header);

// "a@b" of "Message-ID: <a@b>", or "" where there is none.
std::string MessageIdOf(const Header& header);

}  // namespace signet::smtp
#endif
