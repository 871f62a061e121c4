-- What Redis knows of a code, and who may ask the store when it knows nothing.
--
-- KEYS[1]  the entry
-- ARGV[1]  the token of whoever asks, 8 bytes, to take the fill lock with; empty to take none
-- ARGV[2]  how long the lock lasts, in milliseconds
-- ARGV[3]  the floor, in eighths of a second: what the store was asked for earlier is not believed
-- ARGV[4]  the greatest age that is believed, in milliseconds; -1 for any
--
-- Answers {0}: nothing, and no lock was wanted. {1}: the lock is yours. {2}: somebody else has it. {3}: an entry that
-- is not believed. {4, entry without its time, milliseconds that it has left}.
local value = redis.call('GET', KEYS[1])
if not value then
  if ARGV[1] == '' then return {0} end
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return {1}
end
if #value == 8 then return {2} end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 8 + math.floor(tonumber(time[2]) / 125000)
local low, middle, high = string.byte(value, 1, 3)
local age = (now - (low + middle * 256 + high * 65536)) % 16777216
-- Both ends of an age are rounded down, so it may be an eighth more.
local age_max = tonumber(ARGV[4])
if now - age < tonumber(ARGV[3]) or (age_max >= 0 and (age + 1) * 125 > age_max) then return {3} end
return {4, string.sub(value, 4), redis.call('PTTL', KEYS[1])}
