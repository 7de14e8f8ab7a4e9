/**
 * The steps of the Redis store that must happen together or not at all. Redis runs a script alone and
 * writes it to its append-only file as one transaction, so not even `kill -9` between any two lines
 * leaves a record without its indexes or an idempotency key without its answer.
 *
 * @module
 */
import { RedisScript } from "../redis_script.ts";

/** Channel on which writes are told; a message is the kind of the records. `kit/change_feed.ts` listens. */
export const CHANGES = "changes";

/** Tells of a write in the same step, so that nobody can hear of it before it is there, or never. */
const TELL = `
local function tell(kind) redis.call('PUBLISH', '${CHANGES}', kind) end`;

/**
 * Creates a record.
 *
 * KEYS: sequence, records, then those that the plan refers to by position.
 * ARGV: the record as a JSON object with at least one member and without id; the plan as JSON:
 * `{ kind, prefix, digits, lists: [position], claim?: { key, token, fingerprint, ttlMs },
 * once?: { key, name }, cause?: { key, group, entry }, outbox?: { key, limit } }`.
 * Returns `{kind}` or `{kind, record}`.
 */
export const CREATE: RedisScript = new RedisScript(`${TELL}
local record, plan = ARGV[1], cjson.decode(ARGV[2])
local claim, once, cause, outbox = plan.claim, plan.once, plan.cause, plan.outbox
local function acknowledge()
  if not cause then return end
  redis.call('XACK', KEYS[cause.key], cause.group, cause.entry)
  redis.call('XDEL', KEYS[cause.key], cause.entry)
end
if once and redis.call('HEXISTS', KEYS[once.key], once.name) == 1 then
  acknowledge()
  return {'done-before'}
end
if claim then
  local held = redis.call('HMGET', KEYS[claim.key], 'fingerprint', 'token', 'answer')
  if held[1] and held[2] ~= claim.token then
    if held[1] ~= claim.fingerprint then return {'reused'} end
    if held[3] then return {'replayed', held[3]} end
    return {'in-progress'}
  end
end
if outbox and redis.call('XLEN', KEYS[outbox.key]) >= outbox.limit then return {'full'} end
local sequence = redis.call('INCR', KEYS[1])
local id = plan.prefix .. string.format('%0' .. plan.digits .. 'd', sequence)
record = '{"id":"' .. id .. '",' .. string.sub(record, 2)
redis.call('HSET', KEYS[2], id, record)
for _, list in ipairs(plan.lists) do redis.call('ZADD', KEYS[list], 0, id) end
if claim then
  redis.call('DEL', KEYS[claim.key])
  redis.call('HSET', KEYS[claim.key], 'fingerprint', claim.fingerprint, 'answer', record)
  redis.call('PEXPIRE', KEYS[claim.key], claim.ttlMs)
end
if once then redis.call('HSET', KEYS[once.key], once.name, id) end
if outbox then redis.call('XADD', KEYS[outbox.key], '*', 'event', record) end
acknowledge()
tell(plan.kind)
return {'created', record}
`);

/**
 * Replaces a record if it still is what it was, and acknowledges the event that asked for it.
 *
 * KEYS: records, stream. ARGV: id, old record, new record, group, entry, kind. Returns whether it was.
 */
export const REPLACE: RedisScript = new RedisScript(`${TELL}
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('XACK', KEYS[2], ARGV[4], ARGV[5])
redis.call('XDEL', KEYS[2], ARGV[5])
tell(ARGV[6])
return 1
`);

/** Reads a page. KEYS: list, records. ARGV: upper end of the range, most records. Returns records. */
export const LIST: RedisScript = new RedisScript(`
local ids = redis.call('ZRANGE', KEYS[1], ARGV[1], '-', 'BYLEX', 'REV', 'LIMIT', 0, ARGV[2])
if #ids == 0 then return {} end
return redis.call('HMGET', KEYS[2], unpack(ids))
`);

/** Claims a key. KEYS: the key. ARGV: fingerprint, token, lease in ms. Returns `{kind, record?}`. */
export const CLAIM: RedisScript = new RedisScript(`
local held = redis.call('HMGET', KEYS[1], 'fingerprint', 'answer')
if held[1] then
  if held[1] ~= ARGV[1] then return {'reused'} end
  if held[2] then return {'replayed', held[2]} end
  return {'in-progress'}
end
redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'token', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {'claimed'}
`);

/** Gives a claim back. KEYS: the key. ARGV: token. */
export const RELEASE: RedisScript = new RedisScript(`
if redis.call('HGET', KEYS[1], 'token') == ARGV[1] then redis.call('DEL', KEYS[1]) end
`);

/**
 * Fills an empty store.
 *
 * KEYS: sequence, records, then the lists.
 * ARGV: `[id, record, [position of list]]` of every record, as a JSON array; kind.
 */
export const SEED: RedisScript = new RedisScript(`${TELL}
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local rows = cjson.decode(ARGV[1])
for _, row in ipairs(rows) do
  redis.call('HSET', KEYS[2], row[1], row[2])
  for _, list in ipairs(row[3]) do redis.call('ZADD', KEYS[list], 0, row[1]) end
end
redis.call('SET', KEYS[1], #rows)
tell(ARGV[2])
return 1
`);
