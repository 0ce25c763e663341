#ifndef SIGNET_TEST_BENCH_MEASURE_H_
#define SIGNET_TEST_BENCH_MEASURE_H_

#include <sys/types.h>

#include <string>
#include <vector>

// What the benchmarks have in common: costs of a server that is several processes, and tables
// of what came out.
namespace signet::bench {

// --- costs --------------------------------------------------------------------------------

// Makes processes that lose their parent children of this one, so that none of a server's is
// forgotten; to be called before servers are started.
void AdoptOrphans();

// CPU seconds of a process, of its children and theirs, those included that have ended and were
// waited for, and of all adopted ones so far. Only differences mean something.
double TreeCpuSeconds(pid_t root);
// The same once nothing of the tree has run for a moment: what a reply has left to do is done.
double SettledCpuSeconds(pid_t root);

// Proportional set size of a process and all below it.
double TreePssKib(pid_t root);
double Least(const std::vector<double>& values);
double Median(std::vector<double> values);
// Of sorted values; `share` 0.99 is the 99th percentile.
double Percentile(const std::vector<double>& sorted, double share);

// --- how much is measured -------------------------------------------------------------------

// BENCH=quick: a look, with few rounds. Otherwise what the tables in the manual are made of.
bool Quick();
inline int Times(int normal, int quick) { return Quick() ? quick : normal; }
// As many descriptors as we are allowed.
void RaiseLimits();
// How many of `wanted` idle sessions can be held with them: a server keeps two for each session.
int Holdable(int wanted);

// --- tables ---------------------------------------------------------------------------------

std::string Number(double value, int digits);

// A Markdown table, printed when it is complete.
class Table {
 public:
  Table(std::string title, std::vector<std::string> columns);
  void Row(std::vector<std::string> cells);
  void Note(const std::string& text);  // a line below it
  void Print() const;

 private:
  std::string title_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::string> notes_;
};

// A figure that the manual promises something about; test/bench/run.sh compares it. Written to
// the file $SIGNET_BENCH_FIGURES where that is set.
void Figure(const std::string& name, double value);

}  // namespace signet::bench
#endif
