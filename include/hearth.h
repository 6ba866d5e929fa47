/* Hearth's C API: everything an app needs to bake, open and talk to a model. C99, no other header.
 *
 * Rules: every function that can fail returns 0 on success; otherwise non-zero, and hearth_last_error() (of the calling thread)
 * is one line that says who, what was found, what was expected. Strings are UTF-8, returned strings are freed with
 * hearth_free_text. Options and answers that may grow are JSON objects; unknown keys are errors that name the key.
 */
#ifndef HEARTH_H
#define HEARTH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hearth_model hearth_model;

/* "0.1.0" */
const char* hearth_version(void);
const char* hearth_last_error(void);
void hearth_free_text(char* text);

/* Progress of long work: stage "compile" or "weights". NULL: none. */
typedef void (*hearth_progress)(void* user, const char* stage, double done, double total);

/* Where MODEL is: an existing path as it is, else a name in the Hugging Face caches. options: {"model", "hub"}. */
int hearth_locate(const char* options_json, char** path);

/* Bakes. options: {"model", "out", "quant", "kv" ("f16"|"q8_0"), "activations" ("i16"|"f32"|"bf16"), "target", "threads", "dump", "hub"}. */
int hearth_bake(const char* options_json, hearth_progress progress, void* user);

/* Opens MODEL (folder, .gguf, artifact, or cached name), baking it into the cache first where needed.
 * options: {"model", "quant", "kv", "activations", "target", "threads", "threads_decode" (of steps that memory limits; 0: chosen by
 * measuring), "huge_pages" (false: weights stay on the file's pages), "load_first": true (weights are in place before it
 * returns, not soon after), "context", "pages" (of 16 positions; 0: enough for one context), "chunk", "cache" (folder, "" = no cache),
 * "on_full" ("fail"|"slide"), "draft" (MODEL that drafts), "lookup": true (drafts from what was said), "draft_most",
 * "adapters" ({name: PEFT folder}), "hub" ([folders of Hugging Face caches]), "dump"}. */
int hearth_open(const char* options_json, hearth_progress progress, void* user, hearth_model** model);
void hearth_close(hearth_model* model);

/* {"name","family","vocabulary","context","target","quant","artifact","memory_bytes","end_ids", "details": {...}, ...} */
int hearth_describe(hearth_model* model, char** json);
/* The card of a model without running it, with memory plan, kernels, code size. Same options as open, and "ir": PASS gives only
 * {"ir": text}, the IR after that pass; "passes" lists their names: {"passes": [...]}. */
int hearth_show(const char* options_json, char** json);

/* ids of text. *ids is freed with hearth_free_ids. specials != 0 adds BOS/EOS as the model's own tokenizer does. */
int hearth_tokenize(hearth_model* model, const char* text, size_t bytes, int specials, int32_t** ids, size_t* count);
int hearth_detokenize(hearth_model* model, const int32_t* ids, size_t count, char** text);
void hearth_free_ids(int32_t* ids);
/* Tokenizing without a model's weights: PATH is a folder with tokenizer.json, a tokenizer.json, a .gguf or an artifact.
 * request: {"text", "specials"} -> {"ids", "pieces"};  {"ids", "show_specials"} -> {"text"}. Both flags are true where absent. */
int hearth_tokenizer_call(const char* path, const char* request_json, char** json);
/* Renders a chat template. PATH: a .jinja file, a folder, .gguf or artifact. request: {"messages", "tools", "now", flags...}:
 * all but "now" (Unix seconds or "2026-03-14T15:09:26", UTC) are the template's variables; bos_token ... come from the model. */
int hearth_template_render(const char* path, const char* request_json, char** text);

/* One piece of an answer; return non-zero to stop. `text` may be "". */
typedef int (*hearth_on_text)(void* user, const char* text, size_t bytes, const int32_t* ids, size_t count);

/* Generates. request: {"messages": [...]} (through the chat template) or {"prompt": text} or {"ids": [...]}, and
 * {"max_tokens","temperature","top_k","top_p","min_p","repetition_penalty","frequency_penalty","presence_penalty","penalty_window","seed",
 * "logit_bias": {"id": bias},"stop": [...],"ignore_end", "tools": [...], "template": {flags}, "adapter" (name), and at most one of "json_schema", "json_object": true,
 * "regex" and "grammar" (GBNF): what the answer must be}. max_tokens 0 computes the prompt only.
 * What is absent comes from the model's own defaults, where it has some.
 * result: {"text","ids","finish": "end"|"stop"|"length"|"cancelled","prompt_tokens","reused_tokens","new_tokens","prefill_ms","decode_ms"}. */
int hearth_generate(hearth_model* model, const char* request_json, hearth_on_text on_text, void* user, char** result_json);
/* Ends a running generate from another thread or a signal handler. */
void hearth_cancel(hearth_model* model);
void hearth_reset(hearth_model* model);

/* Logits of every position: `out` takes count * vocabulary floats. */
int hearth_logits(hearth_model* model, const int32_t* ids, size_t count, float* out);
/* Sum of -log p of ids[1..count) given what is before. */
int hearth_nll(hearth_model* model, const int32_t* ids, size_t count, double* nll);

/* Counts what kernels do from on != 0 until on == 0, which gives (else {}) {"runs", "threads", "waiting_ns", "kernels": {symbol: {"calls", "ns",
 * "bytes", "dots", "floats"}}}: "ns" and "waiting_ns" (threads waiting for each other) are means over threads, the rest are sums. */
int hearth_profile(hearth_model* model, int on, char** json);

/* What one step of few rows takes, every row's logits included. request: {"rows", "sequences" (that share the rows evenly), "context"
 * (positions that each has already), "repetitions"} -> {"rows", "sequences", "context", "ms": [...], "threads", "threads_decode"}.
 * Forgets what the model keeps of earlier prompts. */
int hearth_step_times(hearth_model* model, const char* request_json, char** json);

/* What this machine has and what Hearth will use: CPU, features, target, threads, memory, cache. options: {"cache", "probe",
 * "threads"}; "probe": true measures {"probe": {"threads", "read_bytes", "dots", "floats"}}, each a second, in under a second. */
int hearth_doctor(const char* options_json, char** json);

/* A server: OpenAI's and Anthropic's APIs and a chat page, over any number of models. options: {"models": [{as hearth_open, and "id",
 * "sequences" (at work at once), "waiting" (more are refused), "kv_bytes" or "pages"}], "host", "port" (0: any), "api_key", "page",
 * "cors": [origins], "allowed_hosts": [names], "memory_bytes" (for all models), "idle_s" (then a model is unloaded), "body_bytes",
 * "connections", "access_log" (path, "-": stderr), "grace_s"}. Opening binds the port and loads the first model, the others are
 * loaded when asked for. run() serves until stop(), which any thread may call; running answers get grace_s to end, a second stop()
 * cuts them. */
typedef struct hearth_server hearth_server;
int hearth_serve(const char* options_json, hearth_progress progress, void* user, hearth_server** server);
int hearth_server_port(hearth_server* server);
int hearth_server_run(hearth_server* server);
void hearth_server_stop(hearth_server* server);
void hearth_server_close(hearth_server* server);

#ifdef __cplusplus
}
#endif
#endif
