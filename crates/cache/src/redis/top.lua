-- Puts the leaders of a period in place of what is there.
--
-- KEYS[1]  the sorted set
-- ARGV[1]  its life in milliseconds
-- ARGV[2]...  clicks and link, clicks and link, ...
redis.call('DEL', KEYS[1])
if #ARGV > 1 then
  redis.call('ZADD', KEYS[1], unpack(ARGV, 2))
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return 1
