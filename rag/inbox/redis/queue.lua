-- Atomic changes of the queue. KEYS[1] is the stream, ARGV[1] the name of the change, the rest are its arguments.
--
-- <stream>                        due documents, one entry each, delivered through the consumer group `workers`
-- <stream>:later                  documents that wait for a retry, by its time in microseconds
-- <stream>:queued|processing|empty|dead documents in that state, by the time of enqueueing (dead: of giving up)
-- <stream>:<state>:<document>     the entry: tenant, header, body, order, attempts; while claimed, also claim and place;
--                                 dead or empty, also failure, which has the reason
-- <stream>:of:<tenant>            documents of the tenant in any state
-- <stream>:order                  the latest order
-- <stream>:workers                living workers, by the time until which their last report is valid
-- <stream>:reports                the last report of each of them
--
-- A document is at most once in the stream or in `later`, so it is never delivered twice at once.
-- The stream is trimmed at its start only, because a gap in the middle would make the lag of the group unknown.

local stream, group = KEYS[1], 'workers'
local states = {'queued', 'processing', 'dead', 'empty'}

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function text(number)
  return string.format('%.0f', number)
end

-- The time, or more than the latest order if the clock was set back: a store removes a version of a lower order.
local function next_order()
  return text(math.max(now(), (redis.call('GET', stream .. ':order') or 0) + 1))
end

local function all_of(state)
  return stream .. ':' .. state
end

local function entry_of(state, document)
  return stream .. ':' .. state .. ':' .. document
end

local function has(state, document)
  return redis.call('EXISTS', entry_of(state, document)) == 1
end

local function make_group()
  if redis.call('EXISTS', stream) == 0 then
    redis.call('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')
  end
end

local function last_handed_out()
  for _, found in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    if found[2] == group then
      return found[8]
    end
  end
end

local function make_due(document)
  redis.call('ZREM', all_of('later'), document)
  redis.call('XADD', stream, '*', 'document', document)
end

-- Renames an entry, and replaces an entry of the target name.
local function move(document, from, to, score)
  redis.call('RENAME', entry_of(from, document), entry_of(to, document))
  redis.call('ZREM', all_of(from), document)
  redis.call('ZADD', all_of(to), score, document)
end

local function remove(document, state)
  redis.call('UNLINK', entry_of(state, document))
  redis.call('ZREM', all_of(state), document)
end

local function forget_if_gone(document, tenant)
  for _, state in ipairs(states) do
    if has(state, document) then
      return
    end
  end
  redis.call('ZREM', stream .. ':of:' .. tenant, document)
end

local function latest_order(document)
  for _, state in ipairs(states) do
    local order = redis.call('HGET', entry_of(state, document), 'order')
    if order then
      return order
    end
  end
  return '0'
end

local function is_full(document, most)
  return not has('queued', document) and redis.call('ZCARD', all_of('queued')) >= tonumber(most)
end

-- Removes a claimed entry from the stream; returns false if the claim was lost.
local function give_up_place(document, claim)
  local entry = entry_of('processing', document)
  if redis.call('HGET', entry, 'claim') ~= claim then
    return false
  end
  redis.call('XACK', stream, group, redis.call('HGET', entry, 'place'))
  redis.call('HDEL', entry, 'claim', 'place')
  local pending = redis.call('XPENDING', stream, group)
  if pending[1] > 0 then
    redis.call('XTRIM', stream, 'MINID', pending[2])
  else
    redis.call('XTRIM', stream, 'MINID', last_handed_out())
  end
  return true
end

-- Claims the newest state of a document. The attempt is counted before the work.
local function take(document, place)
  if has('queued', document) then
    move(document, 'queued', 'processing', redis.call('HGET', entry_of('queued', document), 'order'))
  elseif not has('processing', document) then
    redis.call('XACK', stream, group, place)
    return false
  end
  local entry = entry_of('processing', document)
  local claim = text(redis.call('INCR', stream .. ':claims'))
  redis.call('HINCRBY', entry, 'attempts', 1)
  redis.call('HSET', entry, 'claim', claim, 'place', place)
  local found = redis.call('HMGET', entry, 'attempts', 'order', 'header', 'body')
  return {document, claim, found[1], found[2], found[3], found[4]}
end

local changes = {}

-- Returns 1, 0 if the inbox is full, or -1 if the order of the latest entry is not the expected one ('' accepts any).
function changes.put(document, tenant, header, body, most, expected)
  make_group()
  if expected ~= '' and latest_order(document) ~= expected then
    return -1
  end
  if is_full(document, most) then
    return 0
  end
  local order = next_order()
  local waits = has('queued', document) and not redis.call('ZSCORE', all_of('later'), document)
  -- This must be the first write: if Redis is out of memory, it refuses this write and nothing has changed.
  redis.call('HSET', entry_of('queued', document),
    'tenant', tenant, 'header', header, 'body', body, 'order', order, 'attempts', 0)
  redis.call('SET', stream .. ':order', order)
  redis.call('ZADD', all_of('queued'), order, document)
  redis.call('ZADD', stream .. ':of:' .. tenant, order, document)
  -- A claimed state stays in the stream. When it is done, the newer state takes its place.
  if not waits and not has('processing', document) then
    make_due(document)
  end
  return 1
end

-- Returns whether an entry can be claimed, the last stream id to wait after, and when the next retry is due.
function changes.look(stale)
  make_group()
  for _, document in ipairs(redis.call('ZRANGEBYSCORE', all_of('later'), '-inf', text(now()), 'LIMIT', 0, 100)) do
    make_due(document)
  end
  local last = last_handed_out()
  local waiting = #redis.call('XRANGE', stream, '(' .. last, '+', 'COUNT', 1) > 0
  if not waiting and stale ~= '' then
    waiting = #redis.call('XPENDING', stream, group, 'IDLE', stale, '-', '+', 1) > 0
  end
  local due = redis.call('ZRANGE', all_of('later'), 0, 0, 'WITHSCORES')[2]
  return {waiting and 1 or 0, last, due and text(math.max(0, due - now())) or ''}
end

-- Entries of dead workers are the oldest, so they are claimed first.
function changes.claim(worker, stale)
  changes.look('')
  if stale ~= '' then
    -- This is XAUTOCLAIM without its limit: that gives up after ten entries that are not idle.
    local idle = redis.call('XPENDING', stream, group, 'IDLE', stale, '-', '+', 1)[1]
    local place = idle and redis.call('XCLAIM', stream, group, worker, stale, idle[1])[1]
    if place then
      return take(place[2][2], place[1])
    end
  end
  local found = redis.call('XREADGROUP', 'GROUP', group, worker, 'COUNT', 1, 'STREAMS', stream, '>')
  return found and take(found[1][2][1][2][2], found[1][2][1][1])
end

-- Returns which of these claims (pairs of document and number) are lost, and renews the others.
function changes.renew(worker, forget_after, ...)
  make_group()
  local lost = {}
  for index = 1, select('#', ...), 2 do
    local document, claim = select(index, ...)
    local found = redis.call('HMGET', entry_of('processing', document), 'claim', 'place')
    if found[1] == claim then
      redis.call('XCLAIM', stream, group, worker, 0, found[2], 'JUSTID')
    else
      table.insert(lost, document .. '.' .. claim)
    end
  end
  for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
    if consumer[4] == 0 and consumer[6] > tonumber(forget_after) and consumer[2] ~= worker then
      redis.call('XGROUP', 'DELCONSUMER', stream, group, consumer[2])
    end
  end
  return lost
end

function changes.settle(document, claim)
  if not give_up_place(document, claim) then
    return 0
  end
  local tenant = redis.call('HGET', entry_of('processing', document), 'tenant')
  remove(document, 'processing')
  remove(document, 'dead')
  remove(document, 'empty')
  if has('queued', document) then
    make_due(document)
  else
    forget_if_gone(document, tenant)
  end
  return 1
end

-- Keeps the entry of an empty document for clients, without its body.
function changes.set_aside(document, claim, failure)
  if not give_up_place(document, claim) then
    return 0
  end
  local entry = entry_of('processing', document)
  redis.call('HDEL', entry, 'body')
  redis.call('HSET', entry, 'failure', failure)
  move(document, 'processing', 'empty', redis.call('HGET', entry, 'order'))
  remove(document, 'dead')
  if has('queued', document) then
    make_due(document)
  end
  return 1
end

function changes.retry(document, claim, after, counts)
  if not give_up_place(document, claim) then
    return 0
  end
  if has('queued', document) then
    remove(document, 'processing')
    make_due(document)
    return 1
  end
  local entry = entry_of('processing', document)
  if counts == '0' then
    redis.call('HINCRBY', entry, 'attempts', -1)
  end
  move(document, 'processing', 'queued', redis.call('HGET', entry, 'order'))
  if tonumber(after) > 0 then
    redis.call('ZADD', all_of('later'), text(now() + after), document)
  else
    make_due(document)
  end
  return 1
end

function changes.bury(document, claim, failure, failed_at, header)
  if not give_up_place(document, claim) then
    return 0
  end
  if header ~= '' then
    redis.call('HSET', entry_of('processing', document), 'header', header)
  end
  redis.call('HSET', entry_of('processing', document), 'failure', failure)
  move(document, 'processing', 'dead', failed_at)
  remove(document, 'empty')
  if has('queued', document) then
    make_due(document)
  end
  return 1
end

function changes.replay(document, most)
  make_group()
  if not has('dead', document) then
    return -1
  end
  -- A newer state was enqueued after the dead letter, and stays.
  if has('queued', document) or has('processing', document) then
    remove(document, 'dead')
    return 1
  end
  if is_full(document, most) then
    return 0
  end
  local order = next_order()
  move(document, 'dead', 'queued', order)
  redis.call('HDEL', entry_of('queued', document), 'failure')
  redis.call('HSET', entry_of('queued', document), 'order', order, 'attempts', 0)
  redis.call('SET', stream .. ':order', order)
  make_due(document)
  return 1
end

function changes.drop(document)
  if not has('dead', document) then
    return 0
  end
  local tenant = redis.call('HGET', entry_of('dead', document), 'tenant')
  remove(document, 'dead')
  forget_if_gone(document, tenant)
  return 1
end

local function forget_silent_workers()
  for _, worker in ipairs(redis.call('ZRANGEBYSCORE', all_of('workers'), '-inf', text(now()))) do
    redis.call('HDEL', all_of('reports'), worker)
    redis.call('ZREM', all_of('workers'), worker)
  end
end

function changes.report(worker, report, valid)
  redis.call('ZADD', all_of('workers'), text(now() + valid), worker)
  redis.call('HSET', all_of('reports'), worker, report)
  forget_silent_workers()
  return 1
end

function changes.leave(worker)
  redis.call('ZREM', all_of('workers'), worker)
  redis.call('HDEL', all_of('reports'), worker)
  return 1
end

-- Returns the reports of the living workers.
function changes.workers()
  local found = {}
  for _, worker in ipairs(redis.call('ZRANGEBYSCORE', all_of('workers'), text(now()), '+inf')) do
    table.insert(found, redis.call('HGET', all_of('reports'), worker))
  end
  return found
end

-- Returns the state of each document, its header, why it failed or is empty, and its order.
function changes.progress(...)
  local found = {}
  for _, document in ipairs({...}) do
    for _, state in ipairs(states) do
      if has(state, document) then
        local fields = redis.call('HMGET', entry_of(state, document), 'header', 'failure', 'order')
        table.insert(found, {state, fields[1], fields[2] or '', fields[3]})
        break
      end
    end
  end
  return found
end

local arguments = {}
for index = 2, #ARGV do
  arguments[index - 1] = ARGV[index]
end
return changes[ARGV[1]](unpack(arguments))
