app_name = "overlaps"
urlpatterns = []
