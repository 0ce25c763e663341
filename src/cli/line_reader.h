#ifndef SIGNET_SRC_CLI_LINE_READER_H_
#define SIGNET_SRC_CLI_LINE_READER_H_

#include <cstddef>
#include <memory>
#include <string>

namespace signet::cli {

// LineReader reads standard input for `signet expand`. On a terminal it prompts, and lines
// can be edited and called back; elsewhere it writes nothing.
//
//   Threads  the one that made it; waits for input.
class LineReader {
 public:
  virtual ~LineReader() = default;

  // The next logical line: one that ends in a backslash goes on in the next, without that
  // one's leading white space. White space at the end is dropped. False at the end of input.
  bool Read(std::string* line);

  // The number of the physical line that the last one began in, from 1.
  std::size_t number() const { return first_; }

 protected:
  enum class Prompt : bool { kNone, kNormal };
  // One physical line without its end.
  virtual bool ReadPhysical(Prompt prompt, std::string* line) = 0;
  // For calling back.
  virtual void Remember(const std::string& /*line*/) {}
  virtual void AtEnd() {}

 private:
  std::size_t first_ = 0;
  std::size_t count_ = 0;
};

// For a terminal where standard input and output are one.
std::unique_ptr<LineReader> MakeLineReader();

}  // namespace signet::cli
#endif
