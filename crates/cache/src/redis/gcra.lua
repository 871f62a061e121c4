-- Takes one request from a rate that all processes share: GCRA, the generic cell rate algorithm (ITU-T I.371), in one
-- step. A burst may come at once, and what was spent comes back evenly.
--
-- KEYS[1]  when the next request would be evenly spaced, in microseconds
-- ARGV[1]  microseconds between requests
-- ARGV[2]  requests that may come at once
--
-- Answers whether it is allowed (1 or 0), and how many more are.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local interval = tonumber(ARGV[1])
-- Never farther ahead than a whole burst: where it seems to be, the clock has gone back.
local farthest = now + interval * tonumber(ARGV[2])
local even = math.min(math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now), farthest)
local allowed_from = even + interval - interval * tonumber(ARGV[2])
if allowed_from > now then return {0, 0} end
redis.call('SET', KEYS[1], string.format('%.0f', even + interval), 'PX', math.ceil((even + interval - now) / 1000))
return {1, math.floor((now - allowed_from) / interval)}
