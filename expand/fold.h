#ifndef SIGNET_EXPAND_FOLD_H_
#define SIGNET_EXPAND_FOLD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "expand/budget.h"
#include "expand/program.h"

namespace signet::expand {

// Folder finds what parts of a program always give the same, whatever session they are
// evaluated for, by evaluating them with the evaluator itself.
//
//   Requires  a program without errors: every node is whole.
//   Cost      bounded by limits::kFoldSteps and kFoldOutputBytes for all questions to one
//             Folder together; beyond them, nothing is known.
class Folder {
 public:
  explicit Folder(const Program::Rep& rep);

  // The node reads nothing that depends on a session, a file, the time, or on what stands
  // around it ($item, $1).
  bool IsClosed(NodeId id) const { return closed_[id] != 0; }

  // What a closed node gives; nullopt where it fails or is not closed. kPermanent failures,
  // which nothing can ever avert, are put into *failure.
  std::optional<std::string> Text(NodeId id, std::optional<Failure>* failure = nullptr);
  // Whether a closed condition holds.
  std::optional<bool> Holds(NodeId id);

 private:
  bool FindClosed(const Node& node) const;

  const Program::Rep& rep_;
  std::vector<std::uint8_t> closed_;
  Budget budget_;
};

}  // namespace signet::expand
#endif
