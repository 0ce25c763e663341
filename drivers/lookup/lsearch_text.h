#ifndef SIGNET_DRIVERS_LOOKUP_LSEARCH_TEXT_H_
#define SIGNET_DRIVERS_LOOKUP_LSEARCH_TEXT_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace signet::lsearch {

// The text of a file of "key: data" items, with an index of its keys.
//
// A key starts at the beginning of a line and ends at a colon or white space; in double
// quotes it may hold anything, with backslash escapes. Lines that start with white space
// continue an item: their leading white space becomes one space. Empty lines and lines
// that start with # are ignored, and end an item: what stands below them in it is lost, as
// it is in Exim, whatever its manual says. Keys compare without regard to ASCII
// case; of several equal ones the first counts.
//
//   Security  a key that is looked up is data, whatever it contains (rule L11).
class Table {
 public:
  explicit Table(std::string text);
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  struct Item {
    std::string key;  // as in the file, without quotes
    std::string data;
    std::string full;  // key and data as written, from the start of the key
  };
  std::optional<Item> Find(std::string_view key) const;
  std::size_t size() const { return lines_.size(); }

  // All items in the order of the file, equal keys too.
  std::size_t count() const { return order_.size(); }
  Item At(std::size_t index) const { return ItemAt(order_[index]); }
  std::string KeyAt(std::size_t index) const;

 private:
  Item ItemAt(std::size_t offset) const;

  std::string text_;
  std::vector<std::size_t> order_;                      // offsets of the lines with keys
  std::unordered_map<std::string, std::size_t> lines_;  // lower-case key → offset of its line
};

}  // namespace signet::lsearch
#endif
