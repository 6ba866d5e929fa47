// Every pass in the order it runs. To add one: write its file, add its line here, write its test.
// (Included several times with GRAPH_PASS and LOOP_PASS defined as needed.)

// On graphs, after wrap_params has made each weight decode(encode(param)).
GRAPH_PASS(simplify_math)         // x*1 -> x,  x+0 -> x,  reshape(reshape(x)) -> x
GRAPH_PASS(merge_projections)     // matmul(x, a), matmul(x, b) -> slices of matmul(x, concat_rows(a, b))
GRAPH_PASS(integer_dot)           // matmul(x, decode(w)), decode affine per group -> matmul_int(quantize_rows(x), decode(w))
GRAPH_PASS(i16_dot)               // matmul(x, decode(w)), w bf16 -> matmul_i16(quantize_rows_i16(x), decode(w)) where the target has i16 dots
GRAPH_PASS(pack_panels)           // decode(w) -> decode(pack(w)): rows side by side, as many as the target has lanes
GRAPH_PASS(pair_columns)          // pack(w), w bf16 -> neighbours of a row lie together: read at once, and what dot2 eats
GRAPH_PASS(fuse_elementwise)      // marks what is computed inside its consumer: elementwise chains, norms, epilogues, decodes

// Between the levels split_by_time takes out what needs only weights, and lower() makes loops.

// On loop programs.
LOOP_PASS(merge_launches)         // neighbouring kernels over the same extent that do not touch each other's results -> one
LOOP_PASS(share_kernels)          // kernels that differ only in name -> one, before the passes that make them large
LOOP_PASS(expand_math)            // exp(x), sin(x), ... -> polynomials, so that every target computes the same bits
LOOP_PASS(unroll)                 // unrolled loops of constant extent -> a copy of the body for each value
LOOP_PASS(vectorize)              // vector loops -> vector expressions
LOOP_PASS(tile_rows)              // independent loops -> several rows at a time in registers; variants guarded by row count
LOOP_PASS(plan_memory)            // liveness -> offsets in one arena
