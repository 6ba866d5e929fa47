// The bytes of a vocabulary as one flat trie, walked in order with whole subtrees skipped.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hearth::grammar {

struct TrieNode {
  uint32_t end;          // one past the last node of its subtree
  uint32_t first_token;  // its tokens are [first_token, next node's first_token) of Trie::tokens
  uint16_t depth;        // bytes from its root
  uint8_t byte;
};

// Tokens that are whole characters which a JSON string holds as they are ("plain") have a tree of their own: inside a
// string all of them are allowed at once, by their number of characters, and only the others need a walk.
struct Trie {
  std::vector<TrieNode> nodes;  // plain tree, then the others' tree, then a sentinel
  uint32_t plain_root = 0, other_root = 0;
  std::vector<int32_t> tokens;                     // in the order of the nodes
  std::vector<std::vector<uint32_t>> plain_masks;  // [n]: plain tokens of at most n characters; the last holds all
  std::vector<uint32_t> ends;                      // mask of the end tokens
  int32_t size = 0;                                // tokens of the vocabulary
  uint32_t longest = 0;                            // bytes of the longest token
  std::vector<std::string> bytes;                  // by id
};

}  // namespace hearth::grammar
