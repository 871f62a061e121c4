-- The floor, and what time it is.
--
-- KEYS[1]  the floor, in eighths of a second
--
-- Answers {the floor, 0 for none; seconds since the epoch; microseconds}.
local time = redis.call('TIME')
return {tonumber(redis.call('GET', KEYS[1]) or '0'), tonumber(time[1]), tonumber(time[2])}
