#ifndef SIGNET_EXPAND_FLOW_H_
#define SIGNET_EXPAND_FLOW_H_

#include <string>
#include <vector>

#include "expand/fold.h"
#include "expand/program.h"

namespace signet::expand {

// Where a text may come from, as far as that is known without a session.
struct Source {
  Origins origins = kFromAdministrator;
  // Not known: what an ACL or an authenticator stored, what stands around the part.
  bool perhaps = false;
  Quote quote = Quote::kNone;

  bool IsOutside() const { return perhaps || (origins & kOutsiders) != 0; }
};

// A run of a text that may come out.
struct Piece {
  std::string text;  // the octets where they are the administrator's, else a sample
  Source source;
  SourceSpan span;
};
using Shape = std::vector<Piece>;

// What $item and $value are where a part stands.
struct Surroundings {
  Source item{.perhaps = true};
  Source value{.perhaps = true};
};

// Flow follows texts through a program: which shapes a node's text can have, with the
// origins and the quoting of each run.
//
//   Cost  at most limits::kFlowShapes shapes; what would give more is one run of all
//         that is in it.
class Flow {
 public:
  Flow(const Program::Rep& rep, Folder* folder) : rep_(rep), folder_(*folder) {}

  std::vector<Shape> ShapesOf(NodeId id, const Surroundings& around);
  // All of it as one.
  Source SourceOf(NodeId id, const Surroundings& around);
  // What $value is in the yes string of an item.
  Source ValueIn(const Node& item, const Surroundings& around);

 private:
  std::vector<Shape> Operator(const Node& node, const Surroundings& around);
  std::vector<Shape> Item(const Node& node, const Surroundings& around);
  std::vector<Shape> Tail(const Node& node, const Surroundings& around);
  std::vector<Shape> Sequence(const Node& node, const Surroundings& around);
  Source Variable(const Node& node, const Surroundings& around) const;
  Source AfterOperator(const Node& node, const Source& subject);

  const Program::Rep& rep_;
  Folder& folder_;
};

}  // namespace signet::expand
#endif
